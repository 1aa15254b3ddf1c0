/** Vercel's AI SDK with the official provider. */

import { writeFile } from "node:fs/promises";
import { createRunware } from "@runware/ai-sdk-provider";
import { experimental_generateImage as generateImage } from "ai";

const url = process.env.SERVER_URL ?? "http://127.0.0.1:7437";
const runware = createRunware({ apiKey: "anything", baseURL: `${url}/v1` });
const { image } = await generateImage({
  model: runware.image("runware:108@1"),
  prompt: 'A wooden sign that says "OPEN"',
  size: "256x256",
});
await writeFile("sign.png", image.uint8Array);
console.log("sign.png", image.mediaType);
