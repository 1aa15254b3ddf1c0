import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openDisk, StorageUnavailableError } from "./index.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-disk-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const name = () => `${randomUUID()}.png`;
const bytes = Buffer.from("picture");

test("a stored file can be read until it is deleted, also by a store opened later", async () => {
  const file = name();
  await (await openDisk(folder)).put(file, bytes);
  const disk = await openDisk(folder);
  expect(Buffer.from((await disk.get(file))!)).toEqual(bytes);
  await disk.delete(file);
  await disk.delete(file);
  expect(await disk.get(file)).toBeUndefined();
});

test("a second write replaces the whole file", async () => {
  const disk = await openDisk(folder);
  const file = name();
  await disk.put(file, Buffer.alloc(1000, 1));
  await disk.put(file, bytes);
  expect(Buffer.from((await disk.get(file))!)).toEqual(bytes);
});

test.each([
  "../../etc/passwd",
  "a.png",
  "..",
  "",
  `${randomUUID()}.html`,
  `../${randomUUID()}.png`,
  `${randomUUID()}.png/../x`,
])("'%s' is not the name of a stored file", async (bad) => {
  const disk = await openDisk(folder);
  expect(await disk.get(bad)).toBeUndefined();
  await expect(disk.put(bad, bytes)).rejects.toThrow(RangeError);
});

test.each(["ENOSPC", "EIO", "EROFS", "EDQUOT"])(
  "%s while writing: a typed error, and no file remains",
  async (code) => {
    const disk = await openDisk(folder, {
      async write(path, content) {
        await writeFile(path, content.subarray(0, 3));
        throw Object.assign(new Error(`${code}: no`), { code });
      },
    });
    const file = name();
    await expect(disk.put(file, bytes)).rejects.toThrow(StorageUnavailableError);
    expect(await disk.get(file)).toBeUndefined();
    expect(await readdir(join(folder, file.slice(0, 2)))).toEqual([]);
  },
);

test("old drafts of a killed process are deleted when the store opens; files stay, and so do drafts of another server", async () => {
  const file = name();
  await (await openDisk(folder)).put(file, bytes);
  const shard = join(folder, "zz");
  await mkdir(shard);
  const [left, growing] = [`${name()}.1.part`, `${name()}.2.part`];
  for (const draft of [left, growing]) await writeFile(join(shard, draft), "half");
  const hoursAgo = new Date(Date.now() - 2 * 3_600_000);
  await utimes(join(shard, left), hoursAgo, hoursAgo);
  const disk = await openDisk(folder);
  expect(await readdir(shard)).toEqual([growing]);
  expect(await disk.get(file)).toBeDefined();
});

test("a deleted sub-folder is created again at the next try", async () => {
  const disk = await openDisk(folder);
  const file = name();
  await disk.put(file, bytes);
  await rm(join(folder, file.slice(0, 2)), { recursive: true });
  await expect(disk.put(file, bytes)).rejects.toThrow(StorageUnavailableError);
  await disk.put(file, bytes);
  expect(await disk.get(file)).toBeDefined();
});

test("lists every file with its length, and nothing else in the folder", async () => {
  const disk = await openDisk(folder);
  const files = [name(), name(), name()];
  for (const [i, file] of files.entries()) await disk.put(file, Buffer.alloc(i + 1));
  await writeFile(join(folder, files[0]!.slice(0, 2), "notes.txt"), "mine");
  const listed: [string, number][] = [];
  for await (const { name: file, length } of disk.list()) listed.push([file, length]);
  expect(new Map(listed)).toEqual(new Map(files.map((file, i) => [file, i + 1])));
  expect(listed).toHaveLength(3);
});
