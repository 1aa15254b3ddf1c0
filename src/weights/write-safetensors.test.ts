import { mkdtemp, open, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readSafetensorsHeader } from "./safetensors.ts";
import { openSource } from "./sources/open-source.ts";
import { type WriteJob, writeSafetensorsFile } from "./write-safetensors.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-write-"));
  path = join(folder, "a.safetensors");
});
afterEach(() => rm(folder, { recursive: true }));

/** Writes a tensor in two pieces, then does something else. */
const job = (name: string, values: Float32Array, then: () => Promise<void> = async () => {}): WriteJob => ({
  tensors: [{ name, dtype: "F32", shape: [values.length] }],
  async produce(put) {
    const bytes = new Uint8Array(values.buffer);
    await put(name, bytes.subarray(0, 4));
    await put(name, bytes.subarray(4));
    await then();
  },
});
const numbers = (count: number) => Float32Array.from({ length: count }, (_, i) => i + 0.5);

test("tensors whose size is a multiple of 64 start at one; a partial file of an earlier run is overwritten", async () => {
  await writeFile(`${path}.part`, Buffer.alloc(100_000, 1));
  const sizes = { a: 3, b: 32, c: 5, d: 16 };
  const jobs = Object.entries(sizes).map(([name, count]) => job(name, numbers(count)));
  const done: string[] = [];
  await writeSafetensorsFile(path, jobs, { note: "x" }, ({ tensors }) => void done.push(tensors[0]!.name));
  const { tensors, metadata } = await readSafetensorsHeader(path);
  expect([tensors.get("b")!.offset % 64, tensors.get("d")!.offset % 64, metadata.note]).toEqual([0, 0, "x"]);
  const source = openSource(path);
  for (const [name, count] of Object.entries(sizes))
    expect(source.tensors.get(name)!.decode(0, count)).toEqual(numbers(count));
  source.close();
  expect((await stat(path)).size).toBe(Math.max(...[...tensors.values()].map((one) => one.offset + one.byteLength)));
  expect([done, await readdir(folder)]).toEqual([["a", "b", "c", "d"], ["a.safetensors"]]);
});

test.each<[string, (part: string) => Promise<void>, RegExp]>([
  [
    "other bytes",
    async (part) => {
      const file = await open(part, "r+");
      await file.write(Buffer.from([0xff]), 0, 1, (await file.stat()).size - 2);
      await file.close();
    },
    /a\.safetensors: the disk gives back other bytes of "a" than were written/,
  ],
  [
    "fewer bytes",
    async (part) => truncate(part, (await stat(part)).size - 1),
    /a\.safetensors: the disk holds less of "a" than was written/,
  ],
])("a disk that gives back %s is noticed, and no file stays", async (_, damage, message) => {
  const writing = writeSafetensorsFile(path, [job("a", numbers(40), () => damage(`${path}.part`))], {});
  await expect(writing).rejects.toThrow(message);
  expect(await readdir(folder)).toEqual([]);
});

test("a job that fails, or gives too few or too many bytes, leaves no file", async () => {
  const broken = job("b", numbers(2), () => Promise.reject(new Error("no more")));
  await expect(writeSafetensorsFile(path, [job("a", numbers(2)), broken], {})).rejects.toThrow("no more");
  for (const count of [1, 3]) {
    const wrong = { ...job("a", numbers(count)), tensors: [{ name: "a", dtype: "F32", shape: [2] }] as const };
    await expect(writeSafetensorsFile(path, [wrong], {})).rejects.toThrow(/bytes for "a"/);
  }
  await expect(writeSafetensorsFile(path, [job("a", numbers(1)), job("a", numbers(1))], {})).rejects.toThrow("two");
  expect(await readdir(folder)).toEqual([]);
});
