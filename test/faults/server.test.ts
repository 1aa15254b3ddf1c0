/** What else can happen to a server: a second one on its folder, a full disk, a hung engine, SIGTERM: contract 5, 9 and 10. */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { openDatabase } from "../../src/server/database/index.ts";
import { serversPerTest } from "../support/servers-per-test.ts";
import { aTask, openTasks } from "../support/tasks.ts";

vi.setConfig({ testTimeout: 240_000 }); // each starts up to three servers, on a machine that may be busy

const { dataFolder, start } = serversPerTest();
const asynchronous = (fields: Parameters<typeof aTask>[0] = {}) => aTask({ deliveryMethod: "async", ...fields });

test("a second server on the same data folder refuses and names the first; after kill -9 the folder is free", async () => {
  const first = await start();
  await first.ready;
  const second = await start();
  expect(await second.exited).toBe(3);
  expect(second.errors()).toContain("DataDirLockedError");
  expect(second.errors()).toContain(`is in use by process ${first.child.pid}`);
  const task = asynchronous();
  await first.submit(task); // it was not disturbed
  await first.kill();
  const third = await start();
  expect((await third.final(task.task.taskUUID)).data).toHaveLength(1);
});

test("SIGTERM under load: the running task finishes, waiting clients are answered, the rest stays for the next start", async () => {
  const first = await start({ INKSTONE_SHUTDOWN_GRACE: "20" });
  await first.ready;
  const running = aTask({ steps: 20, positivePrompt: "step 60" });
  const sync = first.post(running.request);
  await first.drawing();
  const queued = asynchronous({ numberResults: 2 });
  await first.submit(queued);
  first.child.kill("SIGTERM");
  expect(await sync).toMatchObject({ status: 200, body: { data: [{ taskUUID: running.task.taskUUID }] } });
  expect(await first.exited).toBe(0);
  const second = await start();
  expect((await second.final(queued.task.taskUUID)).data).toHaveLength(2);
});

test("SIGTERM without time left: the running task returns to the queue unchanged", async () => {
  const first = await start({ INKSTONE_SHUTDOWN_GRACE: "0" });
  await first.ready;
  const task = asynchronous({ steps: 40, positivePrompt: "step 50" });
  await first.submit(task);
  await first.drawing();
  const before = Date.now();
  first.child.kill("SIGTERM");
  expect(await first.exited).toBe(0);
  expect(Date.now() - before).toBeLessThan(10_000);
  const second = await start();
  expect(await second.final(task.task.taskUUID)).toMatchObject({ data: [{ status: "success" }] });
});

test("a hung engine is ended and its task fails with engineTimeout, while others are served", async () => {
  const server = await start({ INKSTONE_STEP_TIMEOUT: "5", INKSTONE_MAX_ATTEMPTS: "1" }); // longer than a new engine takes to start on a busy machine;
  await server.ready;
  const hung = asynchronous({ positivePrompt: "spin at 2" });
  await server.submit(hung);
  const next = asynchronous();
  await server.submit(next);
  expect((await server.final(hung.task.taskUUID)).errors).toMatchObject([{ code: "engineTimeout" }]);
  expect((await server.final(next.task.taskUUID)).data).toHaveLength(1);
});

test("lost tasks with text that the database refuses are logged, and the server continues", async () => {
  const db = await openDatabase({ dataDir: join(dataFolder(), "database") });
  const tasks = await openTasks(db);
  await tasks.service.submit("local", aTask({ positivePrompt: "no request may hold \0" }));
  (await tasks.queue.claim())!.release();
  await db.query("update tasks set failures = 9"); // so the sweep is to end it, and reads its webhook
  await expect(tasks.queue.sweep(true)).rejects.toThrow();
  await tasks.close();
  await db.close();

  const server = await start({ INKSTONE_LOG_LEVEL: "warn" });
  const task = asynchronous();
  await server.submit(task);
  expect((await server.final(task.task.taskUUID)).data).toMatchObject([{ status: "success" }]);
  expect(server.errors()).toMatch(/"lane":"pictures".*cannot recover lost tasks; trying again/);

  const named = await fetch(`${await server.ready}/v1/tasks/%00`, { method: "DELETE" });
  expect(named.status).toBe(404);
});

const NO_TMPFS = mountable() ? undefined : "a small file system cannot be mounted here";
test.skipIf(NO_TMPFS)(
  `a full disk${NO_TMPFS ? ` (${NO_TMPFS})` : ""}: no new tasks within a second, not ready, nothing lost, continues without a restart`,
  async () => {
    const images = join(dataFolder(), "images");
    await mkdir(images);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", images]);
    try {
      const server = await start({ INKSTONE_MIN_FREE_MB: "0" });
      const base = await server.ready;
      // Slow enough to be drawing when the disk is full already.
      const slow = { outputFormat: "PNG", positivePrompt: "step 800" } as const;
      const sent = [asynchronous(slow), asynchronous(slow)];
      for (const task of sent) await server.submit(task);
      await writeFile(join(images, "filler"), Buffer.alloc(2 ** 20)).catch(() => {}); // as much as fits
      await sleep(600); // the promise is a second
      expect(await server.post(asynchronous().request)).toMatchObject({
        status: 503,
        body: { errors: [{ code: "serviceUnavailable", message: expect.stringContaining("disk"), retryAfter: 5 }] },
      });
      // What was sent before is known all the same.
      expect((await server.post(sent[0]!.request)).status).toBe(200);
      const readiness = async () => (await fetch(`${base}/readyz`)).status;
      await expect.poll(readiness, { timeout: 20_000 }).toBe(503);
      const refused = await server.post(asynchronous().request);
      expect(refused).toMatchObject({
        status: 503,
        body: { errors: [{ code: "serviceUnavailable", message: expect.stringContaining("disk"), retryAfter: 5 }] },
      });
      const { body } = await server.post(`{"taskType":"ping","ping":true}`);
      expect(body.data).toMatchObject([{ pong: true }]);
      await rm(join(images, "filler"));
      for (const { task } of sent)
        expect((await server.final(task.taskUUID)).data).toMatchObject([{ status: "success" }]);
      await expect.poll(readiness, { timeout: 20_000 }).toBe(200);
      await server.submit(asynchronous());
      await server.kill();
    } finally {
      execFileSync("umount", ["-l", images]);
    }
  },
);

test.skipIf(NO_TMPFS)(`a start on a full disk${NO_TMPFS ? ` (${NO_TMPFS})` : ""} ends with a sentence`, async () => {
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", dataFolder()]);
  try {
    const server = await start();
    await expect(server.ready).rejects.toThrow(/cannot be opened as a database: the disk is full/);
    expect(server.errors()).not.toContain("[object Object]");
  } finally {
    execFileSync("umount", ["-l", dataFolder()]);
  }
});

test.skipIf(NO_TMPFS)(
  `no room for the write-ahead log${NO_TMPFS ? ` (${NO_TMPFS})` : ""}: the process ends with a sentence, instead of hanging`,
  async () => {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=90m", "tmpfs", dataFolder()]);
    try {
      const program = `import { statfsSync, writeFileSync } from "node:fs";
        import { openDatabase } from ${JSON.stringify(new URL("../../src/server/database/index.ts", import.meta.url).href)};
        const db = await openDatabase({ dataDir: "database" });
        const { bavail, bsize } = statfsSync(".");
        writeFileSync("filler", Buffer.alloc(bavail * bsize - 8e6));
        for (let i = 0; i < 40; i++) await db.query("select pg_logical_emit_message(true, 'test', repeat('x', 1000000))");`;
      const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
        cwd: dataFolder(),
        encoding: "utf8",
        timeout: 120_000,
      });
      expect(stderr).toMatch(/the database cannot write .*pg_wal.*Is the disk full\? Inkstone stops/);
      expect(status).toBe(1);
    } finally {
      execFileSync("umount", ["-l", dataFolder()]);
    }
  },
);

function mountable(): boolean {
  try {
    execFileSync("unshare", ["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], { stdio: "ignore" });
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
}
