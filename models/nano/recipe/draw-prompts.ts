/**
 * Draws prompts with a checkpoint as Inkstone draws them by default: `node draw-prompts.ts CHECKPOINT < prompts.jsonl`.
 * A line is {"prompt", "seed", "out"}; width, height, steps and guidance are those of the checkpoint's card. Prints one line a picture.
 */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { encodeImage, Pipeline } from "../../../src/index.ts";

const [checkpoint] = process.argv.slice(2);
if (!checkpoint) throw new Error("usage: node draw-prompts.ts CHECKPOINT < prompts.jsonl");

const { steps, CFGScale: guidance, width, height } = JSON.parse(await readFile(join(checkpoint, "card.json"), "utf8")).defaults;
const pipeline = await Pipeline.load(checkpoint, { threads: 1 });
for await (const line of createInterface({ input: process.stdin })) {
  const { prompt, seed, out } = JSON.parse(line);
  const [image] = await pipeline.generate({ prompt, steps, guidance, width, height, seed: BigInt(seed) });
  await writeFile(out, await encodeImage(image!, { format: "PNG" }));
  console.log(out);
}
await pipeline.dispose();
