/** Inkstone's side of the benchmark: `node inkstone.ts CHECKPOINT [THREADS]` answers every job on stdin with a timing. */

import { createInterface } from "node:readline";
import { openCheckpoint } from "../../src/engine/checkpoint/checkpoint.ts";
import { generate } from "../../src/engine/generate.ts";
import { loadModel, type Model } from "../../src/engine/model.ts";
import { completeRecipe } from "../../src/engine/recipe.ts";
import type { RgbImage } from "../../src/pictures/index.ts";
import type { EditTiming, Job } from "./drawer.ts";

const [, , checkpoint, threads] = process.argv;
const started = performance.now();
const model = await loadModel(await openCheckpoint(checkpoint!), threads ? { threads: Number(threads) } : {});
answer({ load: since(started), plan: model.plan });
for await (const line of createInterface(process.stdin)) answer(await timedPicture(JSON.parse(line)));
await model.dispose();

async function timedPicture(job: Job): Promise<EditTiming> {
  const seconds = { tower: 0, condition: 0, text: 0, transformer: 0, decode: 0 };
  const processor = { ...seconds };
  const timed = <Args extends unknown[], Result>(
    stage: keyof typeof seconds,
    run: (...args: Args) => Promise<Result>,
  ) => {
    return async (...args: Args) => {
      const [start, busy] = [performance.now(), process.cpuUsage()];
      const result = await run(...args);
      seconds[stage] += since(start);
      processor[stage] += processorSince(busy);
      return result;
    };
  };
  const watched: Model = {
    ...model,
    seeImages: timed("tower", model.seeImages),
    encodePicture: timed("condition", model.encodePicture),
    encodePrompt: timed("text", model.encodePrompt),
    modulations: timed("transformer", model.modulations),
    velocity: timed("transformer", model.velocity),
    decodeLatents: timed("decode", model.decodeLatents),
  };
  const busy = process.cpuUsage();
  const start = performance.now();
  const references = Array.from({ length: job.references ?? 0 }, noisyPicture);
  const recipe = completeRecipe({ ...job, references, seed: BigInt(job.seed) }, model.member);
  await generate(watched, recipe, {}, () => Promise.reject(new Error("no preview wanted")));
  const total = since(start);
  return { total, processor: processorSince(busy), transformerProcessor: processor.transformer, ...seconds };
}

/** As large as the pipelines make every reference. */
function noisyPicture(): RgbImage {
  const [width, height] = [1184, 896];
  return { width, height, pixels: Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 7919) >> 3) };
}

function since(start: number): number {
  return (performance.now() - start) / 1000;
}

function processorSince(busy: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(busy);
  return (user + system) / 1e6;
}

function answer(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
