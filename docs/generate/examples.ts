import type { Block } from "./blocks.ts";

const json = (task: object): Block => ({ code: JSON.stringify([task], undefined, 2), language: "json" });
const taskUUID = "ddf77178-639c-48d8-9827-501a20948cf7";
const image = "http://127.0.0.1:7437/images/97784197-f610-40a8-9b6c-b62e5b6e2621.png";

/** A first picture in three languages, then requests of each kind. The first three run as they stand. */
export const EXAMPLES: readonly Block[] = [
  { heading: "Examples", level: 2 },
  { text: "A first picture, of a server on this machine (`inkstone serve`). Without keys, any key will do." },
  {
    code: `curl http://127.0.0.1:7437/v1 -H 'Content-Type: application/json' -H 'Authorization: Bearer anything' -d '[{
  "taskType": "imageInference", "taskUUID": "${taskUUID}", "model": "runware:108@1",
  "positivePrompt": "A wooden sign that says \\"OPEN\\"", "width": 256, "height": 256 }]'`,
    language: "bash",
  },
  {
    code: `import { Runware } from "@runware/sdk-js";

const runware = new Runware({ apiKey: "anything", url: "ws://127.0.0.1:7437/v1" });
await runware.ensureConnection();
const [image] = await runware.imageInference({
  positivePrompt: 'A wooden sign that says "OPEN"', model: "runware:108@1", width: 256, height: 256,
});
console.log(image.imageURL);
await runware.disconnect();`,
    language: "javascript",
  },
  {
    code: `import asyncio
from runware import IImageInference, Runware

async def main():
    runware = Runware(api_key="anything", url="ws://127.0.0.1:7437/v1")
    await runware.connect()
    [image] = await runware.imageInference(IImageInference(
        positivePrompt='A wooden sign that says "OPEN"', model="runware:108@1", width=256, height=256))
    print(image.imageURL)
    await runware.disconnect()

asyncio.run(main())`,
    language: "python",
  },
  { text: "From a picture, in the part that a mask shows, with a watermark:" },
  json({
    taskType: "imageInference",
    taskUUID,
    model: "runware:108@1",
    positivePrompt: "A brass plate that says 12",
    width: 512,
    height: 512,
    inputs: { seedImage: image, maskImage: image, strength: 0.8 },
    advancedFeatures: { watermark: { text: "© Me", displayPosition: "bottom-right" } },
    outputType: ["URL", "dataURI"],
  }),
  { text: "Acknowledged at once, then asked for:" },
  json({
    taskType: "imageInference",
    taskUUID,
    model: "runware:108@1",
    positivePrompt: "A red poster",
    width: 256,
    height: 256,
    deliveryMethod: "async",
  }),
  json({ taskType: "getResponse", taskUUID }),
  { text: "Pictures kept for later tasks, enlarged, and made into guide images:" },
  json({ taskType: "mediaStorage", taskUUID, operation: "upload", media: image }),
  json({ taskType: "upscale", taskUUID, inputs: { image }, upscaleFactor: 2 }),
  json({ taskType: "controlNetPreprocess", taskUUID, inputImage: image, preProcessorType: "canny" }),
  json({ taskType: "modelSearch", taskUUID, category: "checkpoint" }),
];
