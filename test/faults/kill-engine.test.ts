/** kill -9 of the engine process at seeded moments: contract 1, 2, 4 and 11 of docs/internals/reliability.md. */

import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { resultsOf } from "../../src/protocol/index.ts";
import { TEST_DATABASES } from "../support/databases.ts";
import { seededRandom } from "../support/random.ts";
import { aTask, openTasks } from "../support/tasks.ts";
import { openWorker } from "../support/workers.ts";
import { ENGINE_KILLS } from "./kills.ts";

const TASKS = 60;
const SEED = Number(process.env.INKSTONE_TEST_SEED ?? 20261122);

test(`the engine is killed at ${ENGINE_KILLS} moments (seed ${SEED}): every task ends, with each result once and the same bytes`, async () => {
  const random = seededRandom(SEED);
  const opened = await TEST_DATABASES[0]!.open();
  const tasks = await openTasks(opened.db, 1_000);
  const { engine, files, worker, close } = await openWorker(tasks);

  const submit = async (seed: bigint, numberResults: number) => {
    const sent = aTask({ seed, numberResults, steps: 6, positivePrompt: "step 4", outputFormat: "PNG" });
    await tasks.service.submit("me", sent);
    return sent.task.taskUUID;
  };
  const hashOf = async (fileName: string) =>
    createHash("sha256")
      .update((await files.get(fileName))!)
      .digest("hex");
  const final = async (taskUUID: string) => (await tasks.service.waitForFinal("me", taskUUID))!;

  /** Resolves when the next task has ended. */
  const anEnd = () =>
    new Promise<void>((resolve) => {
      const stop = tasks.signals.listen((signal) => {
        if (signal.type !== "changed" || !signal.ended) return;
        stop();
        resolve();
      });
    });

  // An undisturbed run: the bytes of each seed.
  const undisturbed = await final(await submit(0n, 12));
  const expected = await Promise.all(undisturbed.results.map(({ fileName }) => hashOf(fileName)));

  const submitted = [];
  for (let i = 0; i < TASKS; i++)
    submitted.push(await submit(BigInt(Math.floor(random() * 10)), 1 + Math.floor(random() * 3)));
  let kills = 0;
  let over = false;
  const killing = (async () => {
    while (kills < ENGINE_KILLS && !over) {
      await sleep(random() * 60);
      if (engine.pid !== undefined && process.kill(engine.pid, "SIGKILL")) kills++;
      // Let some work be done between: a task that loses two engines is held to be the culprit.
      const before = engine.pid;
      while (engine.pid === before && !over) await sleep(5);
      if (random() < 0.7) await Promise.race([anEnd(), sleep(1_000)]);
      if (random() < 0.3) submitted.push(await submit(BigInt(Math.floor(random() * 10)), 1));
    }
  })();

  const records = [];
  for (let i = 0; i < submitted.length || kills < ENGINE_KILLS; i++) {
    if (i >= submitted.length) submitted.push(await submit(BigInt(i % 10), 2));
    records.push(await final(submitted[i]!));
  }
  over = true;
  await killing;

  expect(kills).toBe(ENGINE_KILLS);
  let succeeded = 0;
  for (const record of records) {
    expect(record.results.map(({ index }) => index)).toEqual(record.results.map((_, i) => i));
    for (const { fileName, seed, index } of record.results) {
      expect(seed).toBe(record.seed + BigInt(index));
      expect(await hashOf(fileName)).toBe(expected[Number(seed)]);
    }
    if (record.state === "succeeded") {
      succeeded++;
      expect(record.results).toHaveLength(resultsOf(record.task));
    } else expect(record).toMatchObject({ state: "failed", attempt: 2, error: { code: "inferenceError" } });
  }
  const failed = await opened.db.query<{ deaths: number }>("select deaths from tasks where state = 'failed'");
  expect(failed.every(({ deaths }) => deaths === 2)).toBe(true);
  expect(succeeded).toBeGreaterThan(records.length / 2);
  console.log(`${kills} kills, ${records.length} tasks, ${succeeded} succeeded, ${failed.length} lost two engines`);
  expect(worker.trouble).toBeUndefined();
  await close();
  await tasks.close();
  await opened.drop();
}, 240_000);
