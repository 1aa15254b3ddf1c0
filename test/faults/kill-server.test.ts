/** kill -9 of the whole server at seeded moments: contract 1, 2 and 6 of docs/reliability.md. */

import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDatabase } from "../../src/database/index.ts";
import { createTaskService, isFinal, openSignals, type TaskRecord } from "../../src/tasks/index.ts";
import { seededRandom } from "../support/random.ts";
import { startReceiver } from "../support/receiver.ts";
import { ServerProcess } from "../support/server-process.ts";
import { aTask } from "../support/tasks.ts";

const KILLS = 30;
const SEED = Number(process.env.INKSTONE_TEST_SEED ?? 20261122);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-kill-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test(`the server is killed at ${KILLS} moments (seed ${SEED}): no acknowledged task is lost, no result is there twice`, {
  timeout: 300_000,
}, async () => {
  const random = seededRandom(SEED);
  const hook = await startReceiver();
  const settings = { dataDir: join(folder, "database"), filesDir: join(folder, "files"), leaseSeconds: 30 };
  const acknowledged = new Map<string, bigint>();

  const submitSome = async (server: ServerProcess, count: number) => {
    for (let i = 0; i < count; i++) {
      const seed = BigInt(Math.floor(random() * 12)); // few seeds: equal tasks must give equal bytes
      const numberResults = 1 + Math.floor(random() * 3);
      const sent = aTask({
        seed,
        numberResults,
        positivePrompt: "step 4",
        steps: 4,
        outputFormat: "PNG",
        webhookURL: hook.url,
      });
      await server.submit("me", sent);
      acknowledged.set(sent.task.taskUUID, seed);
    }
  };

  for (let kill = 0; kill < KILLS; kill++) {
    const server = new ServerProcess(settings);
    const kind = random();
    if (kind < 0.1)
      await Promise.race([server.ready, sleep(random() * 800)]); // while it is starting
    else {
      await server.ready;
      const submitting = submitSome(server, 1 + Math.floor(random() * 4));
      if (kind < 0.2)
        await Promise.race([submitting, sleep(random() * 20)]); // while it is accepting
      else {
        await submitting;
        if (kind < 0.6) await Promise.race([server.untilIdle(), sleep(20_000)]);
        await submitSome(server, 1);
        await sleep(random() * 120); // in some step, between two pictures, while delivering
      }
    }
    await server.kill();
  }
  const last = new ServerProcess(settings);
  await last.ready;
  await last.untilIdle();
  await last.kill();

  const db = await openDatabase({ dataDir: settings.dataDir });
  const signals = await openSignals({ db, process: "test" });
  const service = createTaskService({ db, signals, maxQueued: 10 });
  const bytesOf = await filesByName(settings.filesDir);
  const hashes = new Map<bigint, string>();
  const records: TaskRecord[] = [];
  for (const [taskUUID, seed] of acknowledged) {
    const record = (await service.get("me", taskUUID))!;
    expect(record, `task ${taskUUID} was acknowledged`).toBeDefined();
    expect(isFinal(record.state), `${taskUUID} is ${record.state}`).toBe(true);
    records.push(record);
    expect(record.results.map(({ index }) => index)).toEqual(record.results.map((_, i) => i));
    if (record.state === "succeeded") expect(record.results).toHaveLength(record.task.numberResults);
    else expect(record).toMatchObject({ state: "failed", error: { code: "inferenceError" } });
    for (const result of record.results) {
      expect(result.seed).toBe(seed + BigInt(result.index));
      const hash = createHash("sha256").update(bytesOf.get(result.fileName)!).digest("hex");
      expect(hashes.get(result.seed) ?? hash, `bytes of seed ${result.seed}`).toBe(hash);
      hashes.set(result.seed, hash);
    }
  }
  const lost = await db.query<{ failures: number }>("select failures from tasks where state = 'failed'");
  expect(lost.every(({ failures }) => failures === 3)).toBe(true);
  // Most are finished in spite of it all; those that were running at three kills are told to have failed.
  expect(records.filter(({ state }) => state === "succeeded").length).toBeGreaterThan(records.length * 0.6);
  const twice = await db.query("select task_id, index from images group by 1, 2 having count(*) > 1");
  expect(twice).toEqual([]);
  const told = new Set(hook.received.map(({ headers }) => headers["webhook-id"]));
  const owed = await db.query<{ message_id: string; state: string }>("select message_id, state from deliveries");
  expect(owed.filter(({ state, message_id }) => state === "delivered" && !told.has(message_id))).toEqual([]);
  const results = records.reduce((sum, { results }) => sum + results.length, 0);
  expect(owed.filter(({ message_id }) => !message_id.includes("msg_webhook_")).length).toBe(0);
  expect(owed.length).toBe(results + lost.length);
  console.log(
    `${records.length} tasks, ${results} results, ${lost.length} failed, ${hook.received.length} webhook calls`,
  );
  service.close();
  await signals.close();
  await db.close();
  await hook.close();
});

async function filesByName(root: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) files.set(entry.name, await readFile(join(entry.parentPath, entry.name)));
  }
  return files;
}
