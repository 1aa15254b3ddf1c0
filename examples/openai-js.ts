/** OpenAI's client, with the server's address as its base URL. */

import { writeFile } from "node:fs/promises";
import OpenAI from "openai";

const url = process.env.SERVER_URL ?? "http://127.0.0.1:7437";
const client = new OpenAI({ apiKey: "anything", baseURL: `${url}/v1` });
const reply = await client.images.generate({
  model: "runware:108@1",
  prompt: 'A red sign that says "TEA"',
  size: "256x256",
  output_format: "png",
} as OpenAI.ImageGenerateParamsNonStreaming);
await writeFile("tea.png", Buffer.from(reply.data![0]!.b64_json!, "base64"));
console.log("tea.png");
