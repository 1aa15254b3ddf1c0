/** PostgreSQL stopped, crashed and started under load; workers killed: contract 1, 2, 4 and 9 of docs/internals/reliability.md. */

import { type ChildProcess, fork } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { resultsOf } from "../../src/protocol/index.ts";
import { type Database, openDatabase } from "../../src/server/database/index.ts";
import { openDisk } from "../../src/server/storage/index.ts";
import { createTaskService, openPresence, openSignals, type TaskSignals } from "../../src/server/tasks/index.ts";
import { metricsOf } from "../support/metrics.ts";
import { createCluster, NO_POSTGRES, type PostgresCluster } from "../support/postgres-cluster.ts";
import { seededRandom } from "../support/random.ts";
import { startServerProcess } from "../support/server-process.ts";
import { aTask } from "../support/tasks.ts";
import { WORKER_KILLS } from "./kills.ts";

const SEED = Number(process.env.INKSTONE_TEST_SEED ?? 20261122);
const WORKER = fileURLToPath(new URL("../stand-ins/worker.ts", import.meta.url));

describe.skipIf(NO_POSTGRES)(`with a PostgreSQL server${NO_POSTGRES ? ` (${NO_POSTGRES})` : ""}`, () => {
  let cluster: PostgresCluster;
  let folder: string;
  beforeAll(async () => {
    cluster = await createCluster();
    folder = await mkdtemp(join(tmpdir(), "inkstone-pg-faults-"));
  });
  afterAll(async () => {
    await cluster?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  test("stopped and crashed under load: the server reports it, keeps its queue, and continues without a restart", async () => {
    const server = await startServerProcess(folder, { INKSTONE_DATABASE_URL: cluster.url });
    const base = await server.ready;
    const readiness = async () => (await fetch(`${base}/readyz`)).status;
    const sent: string[] = [];
    const submit = async () => {
      const task = aTask({ positivePrompt: "step 15", steps: 6, numberResults: 2, deliveryMethod: "async" });
      await server.submit(task);
      sent.push(task.task.taskUUID);
    };
    expect(await readiness()).toBe(200);

    for (const mode of ["fast", "immediate"] as const) {
      for (let i = 0; i < 4; i++) await submit();
      await server.drawing();
      await cluster.stop(mode);
      expect(await readiness()).toBe(503);
      expect((await fetch(`${base}/healthz`)).status).toBe(200);
      const metrics = await metricsOf(base);
      expect(metrics).toContain("inkstone_websockets 0");
      expect(metrics).not.toContain("inkstone_tasks{");
      const refused = await server.post(aTask().request);
      expect(refused).toMatchObject({ status: 503, body: { errors: [{ code: "serviceUnavailable" }] } });
      await cluster.start();
      await expect.poll(readiness, { timeout: 20_000 }).toBe(200);
      await submit();
    }
    for (const taskUUID of sent) {
      const { data, errors } = await server.final(taskUUID);
      expect(errors ?? []).toEqual([]);
      expect(new Set(data.map(({ imageUUID }) => imageUUID)).size).toBe(2);
    }
    await server.kill();
  }, 180_000);

  test("absent at the start: the server waits for it, or ends with a message after its time", async () => {
    await cluster.stop("fast");
    const hasty = await startServerProcess(folder, {
      INKSTONE_DATABASE_URL: cluster.url,
      INKSTONE_DATABASE_WAIT: "1",
    });
    expect(await hasty.exited).toBe(3);
    expect(hasty.errors()).toMatch(/StartError: PostgreSQL at .*gave up after 1 s: .*ECONNREFUSED/);
    const server = await startServerProcess(folder, {
      INKSTONE_DATABASE_URL: cluster.url,
      INKSTONE_LOG_LEVEL: "warn",
    });
    await expect.poll(server.errors, { timeout: 60_000 }).toMatch(/"pauseSeconds":1[^\d.].*waiting for the database/);
    expect(server.child.exitCode).toBeNull();
    await cluster.start();
    const base = await server.ready;
    expect((await fetch(`${base}/readyz`)).status).toBe(200);
    await server.kill();
  }, 120_000);

  test(`workers are killed at ${WORKER_KILLS} moments (seed ${SEED}): others continue their tasks`, async () => {
    const random = seededRandom(SEED);
    const db: Database = await openDatabase({ url: cluster.url });
    const signals: TaskSignals = await openSignals({ db, processName: "test" });
    const presence = await openPresence({ db, signals });
    const service = createTaskService({ db, signals, presence, maxQueued: 1_000, pollMs: 200 });
    const filesDir = join(folder, "files");
    const settings = JSON.stringify({ url: cluster.url, filesDir, leaseSeconds: 1.5, pollMs: 200 });
    const workers: ChildProcess[] = [];
    const startWorker = async () => {
      const child = fork(WORKER, [settings], { execArgv: [] });
      await new Promise((resolve) => child.once("message", resolve));
      return child;
    };
    workers.push(await startWorker(), await startWorker());

    const sent: string[] = [];
    const submit = async () => {
      const fields = { seed: BigInt(Math.floor(random() * 6)), numberResults: 1 + Math.floor(random() * 2) };
      const task = aTask({ ...fields, positivePrompt: "step 20", steps: 5, outputFormat: "PNG" });
      await service.submit("me", task);
      sent.push(task.task.taskUUID);
    };
    for (let kill = 0; kill < WORKER_KILLS; kill++) {
      for (let i = 0; i < 3; i++) await submit();
      await sleep(random() * 400);
      const victim = Math.floor(random() * 2);
      workers[victim]!.kill("SIGKILL");
      workers[victim] = await startWorker();
    }
    const files = await openDisk(filesDir);
    const hashes = new Map<bigint, string>();
    let failed = 0;
    for (const taskUUID of sent) {
      const record = (await service.waitForFinal("me", taskUUID, AbortSignal.timeout(60_000)))!;
      if (record.state === "failed") failed++;
      else expect(record.results).toHaveLength(resultsOf(record.task));
      for (const [i, { index, seed, fileName }] of record.results.entries()) {
        expect(index).toBe(i);
        const hash = createHash("sha256")
          .update((await files.get(fileName))!)
          .digest("hex");
        expect(hashes.get(seed) ?? hash).toBe(hash);
        hashes.set(seed, hash);
      }
    }
    const lost = await db.query<{ failures: number }>("select failures from tasks where state = 'failed'");
    expect(lost.every(({ failures }) => failures === 3)).toBe(true);
    expect(failed).toBeLessThan(sent.length * 0.2);
    for (const worker of workers) worker.kill("SIGKILL");
    service.close();
    await presence.close();
    await signals.close();
    await db.close();
  }, 240_000);

  test("a task submitted in one process starts at once in another, and its progress arrives", async () => {
    const db = await openDatabase({ url: cluster.url });
    const signals = await openSignals({ db, processName: "test" });
    const presence = await openPresence({ db, signals });
    const service = createTaskService({ db, signals, presence, maxQueued: 10, pollMs: 60_000 }); // no polling: signals alone
    const child = fork(
      WORKER,
      [JSON.stringify({ url: cluster.url, filesDir: join(folder, "files"), leaseSeconds: 30, pollMs: 60_000 })],
      { execArgv: [] },
    );
    await new Promise((resolve) => child.once("message", resolve));
    const warm = aTask({ steps: 1 });
    await service.submit("me", warm);
    await service.waitForFinal("me", warm.task.taskUUID);
    const task = aTask({ steps: 40, positivePrompt: "step 20" });
    await service.submit("me", task);
    const heard: string[] = [];
    await service.subscribe("me", task.task.taskUUID, ({ type }) => heard.push(type));
    const record = (await service.waitForFinal("me", task.task.taskUUID, AbortSignal.timeout(20_000)))!;
    expect(record.state).toBe("succeeded");
    expect(heard).toEqual(expect.arrayContaining(["started", "progress", "result", "final"]));
    const long = aTask({ steps: 50, positivePrompt: "step 200" });
    await service.submit("me", long);
    await expect
      .poll(async () => (await service.get("me", long.task.taskUUID))?.state, { timeout: 15_000 })
      .toBe("running");
    await service.cancel("me", long.task.taskUUID);
    const next = aTask();
    await service.submit("me", next);
    expect((await service.waitForFinal("me", next.task.taskUUID, AbortSignal.timeout(20_000)))?.state).toBe(
      "succeeded",
    );
    child.kill("SIGKILL");
    service.close();
    await presence.close();
    await signals.close();
    await db.close();
  }, 120_000);
});
