import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DataDirLockedError, lockDataDir, processStartTime } from "./data-dir-lock.ts";

let parent: string;
let dir: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "inkstone-lock-"));
  dir = join(parent, "database");
});
afterEach(() => rm(parent, { recursive: true, force: true }));

/** A process that is certainly gone: above every PID that Linux gives out. */
const NOBODY = 2 ** 22 + 1;

test("a folder is locked once, and can be locked again after its release", async () => {
  const unlock = await lockDataDir(dir);
  await expect(lockDataDir(dir)).rejects.toThrow(DataDirLockedError);
  await expect(lockDataDir(`${dir}/`)).rejects.toThrow(`in use by process ${process.pid}`);
  await unlock();
  await (await lockDataDir(dir))();
  expect(await readdir(parent)).toEqual(["database"]);
});

test("the lock is outside the database folder, which PGlite needs for itself", async () => {
  const unlock = await lockDataDir(dir);
  expect(await readdir(dir)).toEqual([]);
  const [, lock] = await readdir(parent);
  expect(lock).toMatch(/^database\.lock\./);
  expect(JSON.parse(await readFile(join(parent, lock!), "utf8"))).toEqual({
    pid: process.pid,
    startTime: await processStartTime(process.pid),
  });
  await unlock();
});

test.each([
  ["of a process that is gone", JSON.stringify({ pid: NOBODY, startTime: "x" })],
  [
    "of an earlier process with a PID that lives again",
    JSON.stringify({ pid: process.pid, startTime: "before the last boot" }),
  ],
  ["that was never finished", ""],
  ["that is garbage", "{"],
])("a lock %s is replaced", async (_, text) => {
  await writeFile(`${dir}.lock.other`, text);
  const unlock = await lockDataDir(dir);
  await expect(lockDataDir(dir)).rejects.toThrow(DataDirLockedError);
  await unlock();
  expect(await readdir(parent)).toEqual(["database"]);
});

test.runIf(process.platform === "linux")("a lock is never replaced because of its age", async () => {
  await writeFile(`${dir}.lock.other`, JSON.stringify({ pid: 1, startTime: await processStartTime(1) }));
  await expect(lockDataDir(dir)).rejects.toThrow("in use by process 1");
});

test("of many processes that want a dead lock at the same time, one gets it", async () => {
  for (let round = 0; round < 15; round++) {
    await writeFile(`${dir}.lock.other`, JSON.stringify({ pid: NOBODY }));
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => lockDataDir(dir)));
    const winners = outcomes.filter((outcome) => outcome.status === "fulfilled");
    expect(winners.length).toBeLessThanOrEqual(1);
    await winners[0]?.value();
    await (await lockDataDir(dir))();
  }
});
