/** kill -9 of the whole server at seeded moments: contract 1, 2, 6 and 11 of docs/internals/reliability.md. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDatabase } from "../../src/server/database/index.ts";
import { seededRandom } from "../support/random.ts";
import { startReceiver } from "../support/receiver.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { aTask } from "../support/tasks.ts";
import { ENGINE_KILLS, SERVER_KILLS } from "./kills.ts";
import { sameBytes } from "./same-bytes.ts";

const KILLS = Number(process.env.INKSTONE_TEST_SERVER_KILLS ?? SERVER_KILLS.most);
const PATIENCE_MS = 240_000;
const SEED = Number(process.env.INKSTONE_TEST_SEED ?? 20261122);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-kill-"));
});
afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));

interface Sent {
  readonly seed: number;
  readonly numberResults: number;
}

test(`the server is killed at up to ${KILLS} moments (seed ${SEED}): no acknowledged task is lost, no result exists twice`, {
  timeout: 600_000,
}, async () => {
  const random = seededRandom(SEED);
  const hook = await startReceiver();
  const acknowledged = new Map<string, Sent>();

  const submitSome = async (server: ServerProcess, count: number) => {
    for (let i = 0; i < count; i++) {
      const sent = { seed: Math.floor(random() * 12), numberResults: 1 + Math.floor(random() * 3) }; // equal seeds must give equal bytes
      const task = aTask({
        seed: BigInt(sent.seed),
        numberResults: sent.numberResults,
        positivePrompt: "step 4",
        outputFormat: "PNG",
        deliveryMethod: "async",
        webhookURL: hook.url,
      });
      await server.submit(task);
      acknowledged.set(task.task.taskUUID, sent);
    }
  };
  const ended = new Set<string>();
  const untilAllFinal = async (server: ServerProcess) => {
    for (const taskUUID of acknowledged.keys()) {
      if (ended.has(taskUUID)) continue;
      await server.final(taskUUID);
      ended.add(taskUUID);
    }
  };

  const begun = performance.now();
  let kills = 0;
  // On a machine too busy to start servers quickly a few kills have to do.
  for (; kills < KILLS && (kills < SERVER_KILLS.least || performance.now() - begun < PATIENCE_MS); kills++) {
    const server = await startServerProcess(folder);
    const kind = random();
    const dying = async () => {
      if (kind < 0.1) return Promise.race([server.ready, sleep(random() * 1_000)]); // while it is starting
      await server.ready;
      const submitting = submitSome(server, 1 + Math.floor(random() * 4));
      submitting.catch(() => {}); // cut off by the kill: not acknowledged
      if (kind < 0.2) return Promise.race([submitting, sleep(random() * 30)]); // while it is accepting
      await submitting;
      if (kind < 0.6) await untilAllFinal(server);
      await submitSome(server, 1);
      return sleep(random() * 200); // in some step, between two pictures, while delivering
    };
    await dying();
    await server.kill();
  }
  expect(kills + ENGINE_KILLS).toBeGreaterThanOrEqual(100);
  const last = await startServerProcess(folder);
  const check = sameBytes();
  let results = 0;
  let failures = 0;
  for (const [taskUUID, sent] of acknowledged) {
    const { data, errors = [] } = await last.final(taskUUID);
    if (errors.length === 0) expect(data).toHaveLength(sent.numberResults);
    else expect(errors).toMatchObject([{ code: "inferenceError", taskUUID }]);
    failures += errors.length;
    results += data.length;
    await check(data, sent.seed);
  }
  // Every result was told, whichever server it was that made it.
  const calls = () => new Set(hook.received.map(({ headers }) => headers["webhook-id"]));
  await expect.poll(() => calls().size, { timeout: 60_000 }).toBeGreaterThanOrEqual(results + failures);
  await last.kill();

  const db = await openDatabase({ dataDir: join(folder, "database") });
  expect(await db.query("select task_id, index from images group by 1, 2 having count(*) > 1")).toEqual([]);
  const lost = await db.query<{ failures: number }>("select failures from tasks where state = 'failed'");
  expect(lost.every((task) => task.failures === 3)).toBe(true);
  const owed = await db.query<{ message_id: string }>("select message_id from deliveries");
  expect(owed).toHaveLength(results + lost.length + (await unacknowledged(acknowledged.size)));
  // Most are finished in spite of it all; those that were running at three kills are told to have failed.
  expect(acknowledged.size - failures).toBeGreaterThan(acknowledged.size * 0.6);
  console.log(
    `${kills} kills, ${acknowledged.size} tasks, ${results} results, ${failures} failed, ${hook.received.length} webhook calls`,
  );
  await db.close();
  await hook.close();

  /** Deliveries of tasks that were stored while their acknowledgement was cut off. */
  async function unacknowledged(known: number): Promise<number> {
    const [row] = await db.query<{ tasks: number; owed: number }>(
      `select (select count(*)::int from tasks) as tasks,
              (select count(*)::int from deliveries where task_uuid <> all($1::text[])) as owed`,
      [[...acknowledged.keys()]],
    );
    expect(row!.tasks).toBeGreaterThanOrEqual(known);
    return row!.owed;
  }
});
