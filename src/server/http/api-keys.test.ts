import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createKeyRing, findKey, KeyFileError, openKeyFile } from "./api-keys.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-keys-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("a key is created, found by another process, and revoked", async () => {
  const [ours, theirs] = [openKeyFile(folder), openKeyFile(folder)];
  expect(await theirs.list()).toEqual([]);
  const { key, known } = await ours.create("an app");
  expect(key).toMatch(/^ink_[\w-]{43}$/);
  expect(findKey(await theirs.list(), key)).toEqual(known);
  const second = await ours.create("another");
  expect(await theirs.list()).toHaveLength(2);
  expect(await theirs.revoke(known.id)).toBe(true);
  expect(await theirs.revoke(known.id)).toBe(false);
  expect(findKey(await ours.list(), key)).toBeUndefined();
  expect(findKey(await ours.list(), second.key)).toEqual(second.known);
});

test("without any key this machine has access; after the last one is revoked, no caller has", async () => {
  const keys = openKeyFile(folder);
  expect(await keys.isOpen()).toBe(true);
  const { known } = await keys.create("an app");
  expect(await keys.isOpen()).toBe(false);
  await keys.revoke(known.id);
  expect(await keys.list()).toEqual([]);
  expect(await keys.isOpen()).toBe(false);
  expect(await createKeyRing(["setting"], openKeyFile(join(folder, "elsewhere"))).isOpen()).toBe(false);
});

test("the file contains no key, and other users cannot read it", async () => {
  const { key } = await openKeyFile(folder).create("an app");
  const path = join(folder, "keys.json");
  expect(await readFile(path, "utf8")).not.toContain(key.slice(12));
  expect((await stat(path)).mode & 0o077).toBe(0);
});

test.each(["", "{}", '{"keys":[{"id":"x","hash":"short"}]}'])("a damaged file gives no access: %j", async (text) => {
  await writeFile(join(folder, "keys.json"), text);
  await expect(openKeyFile(folder).list()).rejects.toThrow(KeyFileError);
});

test("keys of the settings and of the file each have a lasting owner", async () => {
  const file = openKeyFile(folder);
  const { key } = await file.create("an app");
  const ring = await createKeyRing(["first", "second"], file).list();
  const owners = ["first", "second", key].map((each) => findKey(ring, each)!.id);
  expect(new Set(owners).size).toBe(3);
  const reordered = await createKeyRing(["second", "first"], file).list();
  expect(findKey(reordered, "first")!.id).toBe(owners[0]);
});

test("the beginning of a short key is not shown", async () => {
  const [known] = await createKeyRing(["secret"], openKeyFile(folder)).list();
  expect(known!.hint).toBe("s");
});
