/** Power cuts under the embedded database: contract 1 of docs/internals/reliability.md, on a disk that forgets what was not synced. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Database, openDatabase } from "../../src/server/database/index.ts";
import { forgetfulDisk } from "../support/power-cuts.ts";
import { seededRandom } from "../support/random.ts";
import { aTask, openTasks } from "../support/tasks.ts";

let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "inkstone-power-"));
});
afterEach(() => rm(parent, { recursive: true, force: true }));

async function tasksIn(folder: string): Promise<string[]> {
  const db: Database = await openDatabase({ dataDir: folder });
  const rows = await db.query<{ task_uuid: string }>("select task_uuid from tasks");
  await db.close();
  return rows.map((row) => row.task_uuid);
}

test("after a power cut at any of 5 moments every acknowledged task exists, from the first one on", async () => {
  const dataDir = join(parent, "database");
  const disk = forgetfulDisk(dataDir);
  const db = await openDatabase({ dataDir, sync: disk.sync });
  const tasks = await openTasks(db, 10_000);
  const random = seededRandom(20261129);
  const acknowledged: string[] = [];
  const expected: { readonly folder: string; readonly uuids: readonly string[] }[] = [];
  for (let cut = 0; cut < 5; cut++) {
    const count = cut === 0 ? 1 : Math.floor(random() * 30);
    for (let i = 0; i < count; i++) {
      const task = aTask({ positivePrompt: "a teapot ".repeat(1 + Math.floor(random() * 200)) });
      await tasks.service.submit("me", task);
      acknowledged.push(task.task.taskUUID);
    }
    // Further files of the log, files of tables that come and go, and pages of data that a checkpoint has written.
    if (cut === 2) await db.query("select pg_logical_emit_message(true, 'test', repeat('x', 20000000))");
    if (cut === 3) await db.script("create table extra as select * from tasks; drop table extra");
    if (cut === 4) await db.script("checkpoint");
    const folder = join(parent, `after-${cut}`);
    await disk.cut(folder);
    expected.push({ folder, uuids: [...acknowledged] });
  }
  await tasks.close();
  await db.close();
  for (const { folder, uuids } of expected) expect((await tasksIn(folder)).sort()).toEqual([...uuids].sort());
});

test("the write-ahead log does not grow without limit", async () => {
  const dataDir = join(parent, "database");
  const db = await openDatabase({ dataDir });
  for (let i = 0; i < 20; i++) {
    await db.query("select pg_logical_emit_message(true, 'test', repeat('x', 10000000))");
    await db.trimLog();
  }
  const [row] = await db.query<{ bytes: number }>("select sum(size)::float8 as bytes from pg_ls_waldir()");
  expect(row!.bytes).toBeLessThan(130e6);
  await db.close();
});
