/** The engine in this process: no server. Generation blocks this thread; a web server should use `createServer` instead. */

import { writeFile } from "node:fs/promises";
import { encodeImage, Pipeline } from "inkstone";

const pipeline = await Pipeline.load(); // the bundled checkpoint, or the folder of another
const images = await pipeline.generate(
  { prompt: 'a red sign that says "OPEN"', width: 256, height: 256, steps: 8, seed: 7n, count: 2 },
  { onStep: ({ image, step, steps }) => console.log(`image ${image + 1}: ${step}/${steps}`) },
);
for (const image of images) {
  const name = `sign-${image.seed}.png`;
  await writeFile(name, await encodeImage(image, { format: "PNG" }));
  console.log(name);
}
await pipeline.dispose();
