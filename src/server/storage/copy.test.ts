import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { copyFiles, openDisk, StorageUnavailableError } from "./index.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-copy-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const stores = async () => [await openDisk(join(folder, "a")), await openDisk(join(folder, "b"))] as const;
const names = (count: number) => Array.from({ length: count }, () => `${randomUUID()}.png`);

test("copies missing and incomplete files, leaves the rest, and reports the numbers", async () => {
  const [from, to] = await stores();
  const all = names(30);
  for (const [i, name] of all.entries()) await from.put(name, Buffer.alloc(100, i));
  const [present, short] = all as [string, string];
  await to.put(present, Buffer.alloc(100, 0));
  await to.put(short, Buffer.alloc(7));
  const extra = names(1)[0]!;
  await to.put(extra, Buffer.from("extra"));

  const seen: number[] = [];
  const done = await copyFiles(from, to, ({ copied, present: had }) => seen.push(copied + had));
  expect(done).toEqual({ copied: 29, copiedBytes: 2900, present: 1 });
  expect(seen.at(-1)).toBe(30);
  for (const name of all) expect(Buffer.from((await to.get(name))!)).toEqual(Buffer.from((await from.get(name))!));
  expect(await to.get(extra)).toBeDefined();
  expect(await copyFiles(from, to)).toEqual({ copied: 0, copiedBytes: 0, present: 30 });
});

test("a file that is deleted meanwhile is skipped; one that cannot be stored ends the copy", async () => {
  const [from, to] = await stores();
  const [gone, kept] = names(2) as [string, string];
  await from.put(gone, Buffer.from("gone"));
  await from.put(kept, Buffer.from("kept"));
  const forgetful = { ...from, get: async (name: string) => (name === gone ? undefined : from.get(name)) };
  expect(await copyFiles(forgetful, to)).toMatchObject({ copied: 1 });
  const full = { ...to, put: () => Promise.reject(new StorageUnavailableError("full")) };
  await expect(copyFiles(from, full)).rejects.toThrow("full");
});
