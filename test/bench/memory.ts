/**
 * Prints, as JSON, what a process needs: `node --expose-gc memory.ts many CHECKPOINT` draws picture after picture,
 * `… memory.ts large CHECKPOINT` decodes one of 2048×2048.
 */

import { openCheckpoint } from "../../src/engine/checkpoint/checkpoint.ts";
import { Pipeline } from "../../src/engine/index.ts";
import { loadModel } from "../../src/engine/model.ts";

const SIZES = [
  [64, 48],
  [96, 96],
  [16, 128],
  [80, 112],
] as const;

const [, , what, checkpoint] = process.argv as [string, string, string, string];
console.log(JSON.stringify(what === "many" ? await manyPictures() : await largePicture()));

/** Resident bytes after each of 50, 150 and 250 pictures of mixed sizes. */
async function manyPictures(): Promise<number[]> {
  const pipeline = await Pipeline.load(checkpoint, { threads: 1 });
  const resident: number[] = [];
  for (let i = 1; i <= 250; i++) {
    const [width, height] = SIZES[i % SIZES.length]!;
    await pipeline.generate({ prompt: `picture ${i}`, width, height, steps: 1, seed: BigInt(i) });
    if (i % 100 === 50) resident.push(residentMemory());
  }
  await pipeline.dispose();
  return resident;
}

/** Resident bytes with the networks loaded, and the most that decoding took. */
async function largePicture(): Promise<{ before: number; peak: number }> {
  const model = await loadModel(await openCheckpoint(checkpoint), { threads: 1 });
  const side = 2048 / model.pixelFactor;
  const data = new Float32Array(model.latentChannels * side * side).fill(0.5);
  const before = residentMemory();
  const planes = await model.decodeLatents({ data, dims: [1, model.latentChannels, side, side] });
  if (planes.length !== 3 * 2048 * 2048) throw new Error(`decoded ${planes.length} values`);
  return { before, peak: process.resourceUsage().maxRSS * 1024 };
}

function residentMemory(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss();
}
