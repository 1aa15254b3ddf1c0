/** The repository stays small: its large files are packed, without loss. */

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { pack, unpack } from "../packed/format.mjs";
import { type Entry, readIndex, sha256 } from "../packed/index.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const entries = await readIndex();

function git(...args: string[]): string[] {
  return execFileSync("git", args, { cwd: root, encoding: "utf8" }).split("\0").filter(Boolean);
}

describe.skipIf(!existsSync(join(root, ".git")))("the tracked tree", () => {
  const tracked = existsSync(join(root, ".git")) ? git("ls-files", "-z") : [];

  test("is under 60 MB", async () => {
    const sizes = await Promise.all(
      tracked.map(async (path) => (await stat(join(root, path)).catch(() => undefined))?.size ?? 0),
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(60e6);
  });

  test("has no weights besides the packed ones", () => {
    expect(entries.map(({ path }) => path).filter((path) => tracked.includes(path))).toEqual([]);
    const large = tracked.filter((path) => /^(models|assets)\/.*\.(safetensors|onnx)$/.test(path));
    expect(large).toEqual([]);
  });
});

test("every packed file gives the bytes of its hash", async () => {
  expect(entries.length).toBeGreaterThan(8);
  for (const { path, bytes, sha256: hash, sections } of entries) {
    const file = unpack(await readFile(join(root, "packed", `${path}.planes`)), sections);
    expect({ path, bytes: file.length, sha256: sha256(file) }).toEqual({ path, bytes, sha256: hash });
  }
});

/** A .safetensors file of these tensors, the data in their order. */
function safetensors(tensors: Record<string, { dtype: string; data: Buffer }>): Buffer {
  let at = 0;
  const header = Object.entries(tensors).map(([name, { dtype, data }]) => {
    const start = at;
    at += data.length;
    return [name, { dtype, shape: [data.length], data_offsets: [start, at] }] as const;
  });
  const text = Buffer.from(JSON.stringify({ __metadata__: { format: "pt" }, ...Object.fromEntries(header) }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...Object.values(tensors).map(({ data }) => data)]);
}

/** Every pattern of 16 bits: zeros of both signs, subnormal numbers, infinities, NaN. */
const everything = Buffer.from(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer);

describe("the packed form", () => {
  test.each([
    ["every number of 16 bits", safetensors({ a: { dtype: "BF16", data: everything } })],
    ["every number's bytes as float32", safetensors({ a: { dtype: "F32", data: everything } })],
    [
      "types that change, an empty tensor, an odd count of bytes",
      safetensors({
        a: { dtype: "F32", data: everything.subarray(0, 12) },
        b: { dtype: "BF16", data: Buffer.alloc(0) },
        c: { dtype: "I8", data: everything.subarray(0, 13) },
        d: { dtype: "F16", data: everything.subarray(100, 106) },
      }),
    ],
  ])("returns %s", (_, file) => {
    const { packed, sections } = pack(file, true);
    expect(unpack(packed, sections).equals(file)).toBe(true);
  });

  test("returns any other file", () => {
    const file = everything.subarray(1, 1000);
    const { packed, sections } = pack(file, false);
    expect(unpack(packed, sections).equals(file)).toBe(true);
  });

  test("refuses a safetensors file with bytes outside its tensors", () => {
    const file = Buffer.concat([safetensors({ a: { dtype: "I8", data: everything } }), Buffer.alloc(3)]);
    expect(() => pack(file, true)).toThrow("after the last tensor");
  });
});

describe("unpacking a clone", () => {
  let clone: string;
  const script = () => join(clone, "packed", "unpack.mjs");
  const run = () => execFileSync(process.execPath, [script()], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const file = () => join(clone, "models/a.bin");
  const content = everything.subarray(0, 5000);

  async function commit(bytes: Buffer): Promise<void> {
    const { packed, sections } = pack(bytes, false);
    const entry: Entry = { path: "models/a.bin", bytes: bytes.length, sha256: sha256(bytes), sections };
    await mkdir(join(clone, "packed/models"), { recursive: true });
    await writeFile(join(clone, "packed/models/a.bin.planes"), packed);
    await writeFile(join(clone, "packed/index.json"), JSON.stringify([entry]));
  }

  beforeEach(async () => {
    clone = await mkdtemp(join(tmpdir(), "inkstone-clone-"));
    await mkdir(join(clone, "packed"));
    for (const name of ["format.mjs", "index.mjs", "unpack.mjs"])
      await cp(join(root, "packed", name), join(clone, "packed", name));
    await commit(content);
  });
  afterEach(() => rm(clone, { recursive: true, force: true }));

  test("writes missing files, then leaves them while they are current", async () => {
    run();
    expect((await readFile(file())).equals(content)).toBe(true);
    const written = await stat(file());
    run();
    expect((await stat(file())).ino).toBe(written.ino);
  });

  test("replaces a file after a pull with a new one", async () => {
    run();
    await commit(everything.subarray(7, 900));
    run();
    expect((await readFile(file())).equals(everything.subarray(7, 900))).toBe(true);
  });

  test("keeps a file that the user changed, and reports it", async () => {
    run();
    await writeFile(file(), "trained for a week");
    await commit(everything.subarray(7, 900));
    expect(execFileSync("sh", ["-c", `"${process.execPath}" "${script()}" 2>&1`], { encoding: "utf8" })).toContain(
      "models/a.bin was changed and is left alone",
    );
    expect(await readFile(file(), "utf8")).toBe("trained for a week");
  });

  test("recognises a copy of the file by its hash", async () => {
    await mkdir(dirname(file()), { recursive: true });
    await writeFile(file(), content);
    await utimes(file(), 1, 1);
    run();
    expect((await stat(file())).mtimeMs).toBe(1000);
  });

  test("refuses a damaged packed file by name", async () => {
    const { packed, sections } = pack(everything.subarray(3, 5003), false);
    await writeFile(join(clone, "packed/models/a.bin.planes"), packed);
    const entry = { path: "models/a.bin", bytes: content.length, sha256: sha256(content), sections };
    await writeFile(join(clone, "packed/index.json"), JSON.stringify([entry]));
    expect(run).toThrow("packed/models/a.bin.planes is damaged");
    expect(existsSync(file())).toBe(false);
  });
});
