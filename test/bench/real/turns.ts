/**
 * Inkstone's side of `npm run bench:real -- --peer PYTHON`: `node turns.ts CHECKPOINT pass|decode SIDE [THREADS] [mapped]` answers every
 * line on stdin with the time of one pass of the transformer or one decoding. `mapped` runs int8 weights from the file, without a copy.
 */

import { createInterface } from "node:readline";
import { openCheckpoint } from "../../../src/engine/checkpoint/checkpoint.ts";
import { loadModel } from "../../../src/engine/model.ts";
import { somePass, waves } from "../../support/some-pass.ts";
import { TEXT_TOKENS, type Turn } from "./peers.ts";

/** A pass is charged its share of the modulations, which the peers compute in every pass: those of a schedule run at once. */
const STEPS = 4;

const [, , folder, stage, side, threads, mapped] = process.argv;
const model = await loadModel(await openCheckpoint(folder!), {
  threads: Number(threads ?? 2),
  ...(mapped === "mapped" && { prepack: false }),
});
const run = stage === "pass" ? await passes(Number(side)) : decodings(Number(side));
await run();
answer({ load: 0 });
for await (const _ of createInterface(process.stdin)) answer(await run());
await model.dispose();

async function passes(side: number): Promise<() => Promise<Turn>> {
  const pass = await somePass(model, side, TEXT_TOKENS);
  const sigmas = Array.from({ length: STEPS }, (_, step) => 1 - step / STEPS);
  return async () => {
    const schedule = await timed(() => model.modulations(sigmas));
    const { seconds, processor } = await timed(() => model.velocity(pass));
    return { seconds: seconds + schedule.seconds / STEPS, processor: processor + schedule.processor / STEPS };
  };
}

function decodings(side: number): () => Promise<Turn> {
  const latents = waves(1, model.latentChannels, side / 8, side / 8);
  return () => timed(() => model.decodeLatents(latents));
}

async function timed(work: () => Promise<unknown>): Promise<Turn> {
  const [start, busy] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(busy);
  return { seconds: (performance.now() - start) / 1000, processor: (user + system) / 1e6 };
}

function answer(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
