/**
 * Generates prompts with a checkpoint at Inkstone's defaults: `node draw-prompts.ts CHECKPOINT < prompts.jsonl`.
 * A line is {"prompt", "seed", "width", "height", "out"}; steps and guidance are those of the checkpoint's card, or of the options
 * `--steps N --guidance G --scheduler NAME`. Prints one line for each image.
 */

import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { encodeImage, Pipeline } from "../../../src/index.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { steps: { type: "string" }, guidance: { type: "string" }, scheduler: { type: "string" } },
});
const [checkpoint] = positionals;
if (!checkpoint) throw new Error("usage: node draw-prompts.ts CHECKPOINT < prompts.jsonl");

// In the checkpoint's folder, or beside it where `inkstone models add` made it.
const card = ["card.json", "../card.json"].map((path) => join(checkpoint, path)).find(existsSync)!;
const { defaults } = JSON.parse(await readFile(card, "utf8"));
const steps = Number(values.steps ?? defaults.steps);
const guidance = Number(values.guidance ?? defaults.CFGScale);
const scheduler = values.scheduler ?? "Default";
const pipeline = await Pipeline.load(checkpoint, { threads: 1 });
for await (const line of createInterface({ input: process.stdin })) {
  const { prompt, seed, width, height, out } = JSON.parse(line);
  const [image] = await pipeline.generate({ prompt, steps, guidance, scheduler, width, height, seed: BigInt(seed) });
  await writeFile(out, await encodeImage(image!, { format: "PNG" }));
  console.log(out);
}
await pipeline.dispose();
