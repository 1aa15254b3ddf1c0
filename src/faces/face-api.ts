import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { detectAllFaces, nets, SsdMobilenetv1Options } from "@vladmandic/face-api/dist/face-api.node-wasm.js";
import type { RgbImage } from "../images/index.ts";
import { pictureTensor, useWebAssembly } from "../tensorflow/wasm.ts";
import { type Face, MAX_FACES } from "./face.ts";

/** Loads face-api's detector (SSD on MobileNet V1, 512×512), whose weights come with the package. It computes on the calling thread. */
export async function loadFaceApi(): Promise<(image: RgbImage, confidence: number) => Promise<Face[]>> {
  await useWebAssembly();
  const library = createRequire(import.meta.url).resolve("@vladmandic/face-api/package.json");
  await nets.ssdMobilenetv1.loadFromDisk(join(dirname(library), "model"));
  return async (image, confidence) => {
    const picture = pictureTensor(image);
    try {
      const options = new SsdMobilenetv1Options({ minConfidence: Math.max(confidence, 1e-6), maxResults: MAX_FACES });
      const found = await detectAllFaces(picture as never, options);
      return found.map(({ box: { left, top, width, height }, score }) => ({
        box: { left, top, width, height },
        score,
      }));
    } finally {
      picture.dispose();
    }
  };
}
