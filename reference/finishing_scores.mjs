// Rewrites test/fixtures/finishing.json: what the libraries that the networks come from say of pictures, in TensorFlow.js.
//
//     mkdir /tmp/old && cd /tmp/old
//     npm install nsfwjs@4.3.0 @vladmandic/face-api@1.7.15 @tensorflow/tfjs@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0
//     node CLONE/reference/finishing_scores.mjs      (Node 24)
import { readdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { crop, decodeImage, resizeImage } from "../src/pictures/index.ts";

const require = createRequire(join(process.cwd(), "here.js"));
const load = (name) => import(pathToFileURL(require.resolve(name)).href).then((module) => module.default ?? module);
const tf = await load("@tensorflow/tfjs");
await load("@tensorflow/tfjs-backend-wasm");
await tf.setBackend("wasm");
const { load: loadNsfw } = await load("nsfwjs/core");
const { MobileNetV2MidModel } = await load("nsfwjs/models/mobilenet_v2_mid");
const classifier = await loadNsfw("MobileNetV2Mid", { modelDefinitions: [MobileNetV2MidModel] });
const faceApi = await load("@vladmandic/face-api/dist/face-api.node-wasm.js");
await faceApi.nets.ssdMobilenetv1.loadFromDisk(join(dirname(require.resolve("@vladmandic/face-api/package.json")), "model"));

const fixtures = new URL("../test/fixtures/", import.meta.url);
const photo = "photos/astronaut.jpg";
const views = [
  { file: photo },
  { file: photo, size: { width: 224, height: 224 } },
  { file: photo, size: { width: 1000, height: 333 } },
  { file: photo, size: { width: 90, height: 640 } },
  { file: photo, part: { left: 195, top: 0, width: 317, height: 512 } },
  { file: photo, part: { left: 100, top: 40, width: 220, height: 180 } },
  ...(await readdir(new URL("drawings", fixtures))).sort().map((name) => ({ file: `drawings/${name}` })),
];
const round = (value, digits) => Number(value.toFixed(digits));
const recorded = [];
for (const view of views) {
  const whole = await decodeImage(await readFile(new URL(view.file, fixtures)));
  const { width, height } = view.size ?? whole;
  const image = view.part ? crop(whole, view.part) : await resizeImage(whole, width, height);
  const tensor = tf.tensor3d(image.pixels, [image.height, image.width, 3], "int32");
  const classes = await classifier.classify(tensor);
  const options = new faceApi.SsdMobilenetv1Options({ minConfidence: 0.1, maxResults: 32 });
  const faces = await faceApi.detectAllFaces(tensor, options);
  tensor.dispose();
  recorded.push({
    ...view,
    scores: Object.fromEntries(classes.map(({ className, probability }) => [className, round(probability, 6)]).sort()),
    faces: faces.map(({ box: { left, top, width, height }, score }) => ({
      box: { left: round(left, 2), top: round(top, 2), width: round(width, 2), height: round(height, 2) },
      score: round(score, 6),
    })),
  });
}
await writeFile(new URL("finishing.json", fixtures), `${JSON.stringify(recorded, null, 1)}\n`);
