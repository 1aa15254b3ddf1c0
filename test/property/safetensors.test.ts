import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CheckpointError } from "../../src/weights/index.ts";
import { readSafetensorsHeader, type TensorEntry } from "../../src/weights/safetensors.ts";

let folder: string;
let path: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-safetensors-"));
  path = join(folder, "hostile.safetensors");
});
afterAll(() => rm(folder, { recursive: true }));

/** A file with this header text, the length it claims (by default the true one) and so many bytes of data. */
function file(header: string | Buffer, { data = 64, length }: { data?: number; length?: bigint } = {}): Buffer {
  const text = Buffer.from(header);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length ?? BigInt(text.length));
  return Buffer.concat([prefix, text, Buffer.alloc(data, 1)]);
}

async function read(bytes: Buffer): Promise<Map<string, TensorEntry>> {
  await writeFile(path, bytes);
  return (await readSafetensorsHeader(path)).tensors;
}

/** Either a `CheckpointError` that names the file, or entries that all lie inside the file's data and apart. */
async function expectSafe(bytes: Buffer): Promise<void> {
  const entries = await read(bytes).catch((error: unknown) => {
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message).toContain(path);
    return undefined;
  });
  if (!entries) return;
  const dataStart = 8 + Number(bytes.readBigUInt64LE());
  const taken: [number, number][] = [];
  for (const { offset, byteLength } of entries.values()) {
    expect(offset).toBeGreaterThanOrEqual(dataStart);
    expect(byteLength).toBeGreaterThanOrEqual(0);
    expect(offset + byteLength).toBeLessThanOrEqual(bytes.length);
    if (byteLength > 0) taken.push([offset, offset + byteLength]);
  }
  taken.sort(([a], [b]) => a - b);
  for (let i = 1; i < taken.length; i++) expect(taken[i]![0]).toBeGreaterThanOrEqual(taken[i - 1]![1]);
}

const one = (entry: object) => JSON.stringify({ weight: entry });
const withMetadata = (value: string) => JSON.stringify({ __metadata__: { value }, weight: F32(0, 16) });
const F32 = (begin: unknown, end: unknown, shape: unknown = [4]) => ({
  dtype: "F32",
  shape,
  data_offsets: [begin, end],
});

describe("a hostile safetensors header is an error", () => {
  it.each<[string, Buffer]>([
    ["an empty file", Buffer.alloc(0)],
    ["seven bytes", Buffer.alloc(7)],
    ["a header longer than the file", file("{}", { length: 1000n })],
    ["a header of 2⁶⁴-1 bytes", file("{}", { length: 2n ** 64n - 1n })],
    ["a header of 2⁵³ bytes", file("{}", { length: 2n ** 53n })],
    ["a header of 2³² + 2 bytes", file("{}", { length: 2n ** 32n + 2n })],
    ["a truncated header", file(one(F32(0, 16)).slice(0, -3))],
    ["an empty header", file("")],
    ["bytes that are not UTF-8", file(Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]))],
    ["an array", file("[]")],
    ["null", file("null")],
    ["a number", file("12")],
    ["two values", file("{}{}")],
    ["a tensor that is null", file('{"weight":null}')],
    ["a tensor that is a list", file('{"weight":[]}')],
    ["truncated data", file(one(F32(0, 16)), { data: 15 })],
    ["an end past the file", file(one(F32(64, 80)))],
    ["a begin after the end", file(one(F32(16, 0)))],
    ["a negative begin", file(one(F32(-16, 0)))],
    ["negative offsets of the right size", file(one(F32(-32, -16)))],
    ["a fraction of a byte", file(one(F32(0.5, 16.5)))],
    [
      "offsets of 2⁵³",
      file('{"weight":{"dtype":"F32","shape":[4],"data_offsets":[9007199254740992,9007199254741008]}}'),
    ],
    ["an end of 2⁵³ + 1", file('{"weight":{"dtype":"F32","shape":[4],"data_offsets":[0,9007199254740993]}}')],
    ["an end of 1e400", file('{"weight":{"dtype":"F32","shape":[4],"data_offsets":[0,1e400]}}')],
    ["offsets as text", file(one(F32("0", "16")))],
    ["one offset", file(one({ dtype: "F32", shape: [4], data_offsets: [0] }))],
    ["three offsets", file(one({ dtype: "F32", shape: [4], data_offsets: [0, 16, 32] }))],
    ["no offsets", file(one({ dtype: "F32", shape: [4] }))],
    ["no shape", file(one({ dtype: "F32", data_offsets: [0, 16] }))],
    ["no type", file(one({ shape: [4], data_offsets: [0, 16] }))],
    ["an unknown type", file(one({ dtype: "F33", shape: [4], data_offsets: [0, 16] }))],
    ["a type that every object has", file(one({ dtype: "constructor", shape: [4], data_offsets: [0, 16] }))],
    ["a negative size", file(one(F32(0, 16, [-4])))],
    ["two negative sizes", file(one(F32(0, 16, [-2, -2])))],
    ["a fractional size", file(one(F32(0, 16, [8, 0.5])))],
    ["sizes whose product overflows to infinity", file(one(F32(0, 16, Array(40).fill(2 ** 52))))],
    ["sizes whose product is 2⁶⁴ + 4 in integers", file(one(F32(0, 16, [2 ** 32, 2 ** 32])))],
    ["a shape of text", file(one(F32(0, 16, "4")))],
    ["a shape that needs more bytes", file(one(F32(0, 16, [5])))],
    ["a shape that needs fewer bytes", file(one(F32(0, 16, [3])))],
    ["two tensors on the same bytes", file(JSON.stringify({ a: F32(0, 16), b: F32(0, 16) }))],
    ["two tensors that overlap by a byte", file(JSON.stringify({ a: F32(15, 31), b: F32(0, 16) }))],
    ["a tensor inside another", file(JSON.stringify({ a: F32(0, 64, [16]), b: F32(16, 32) }))],
    ["a tensor's name twice", file(`{"a":${JSON.stringify(F32(0, 16))},"a":${JSON.stringify(F32(16, 32))}}`)],
    [
      "a name twice, once escaped",
      file(`{"a":${JSON.stringify(F32(0, 16))},"\\u0061":${JSON.stringify(F32(16, 32))}}`),
    ],
    [
      "a name twice, after metadata that looks like the end of a string",
      file(
        `{"__metadata__":{"a":${JSON.stringify('\\"},\\\\')}},"b":${JSON.stringify(F32(0, 16))},"b":${JSON.stringify(F32(16, 32))}}`,
      ),
    ],
    ["metadata twice", file('{"__metadata__":{},"__metadata__":{}}')],
    ["nesting a hundred thousand deep", file(`{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`)],
  ])("%s", async (_, bytes) => {
    const error = await read(bytes).then(
      () => expect.fail("was accepted"),
      (cause: unknown) => cause,
    );
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message).toContain(path);
  });

  it("a header of more than 16 MB in a file as large", async () => {
    await writeFile(path, file("", { length: 16_000_001n, data: 0 }));
    const handle = await open(path, "r+");
    await handle.truncate(16_000_100);
    await handle.close();
    await expect(readSafetensorsHeader(path)).rejects.toThrow(CheckpointError);
  });

  it("with long texts, in a short message", async () => {
    const long = "x".repeat(1e6);
    const message = await read(file(one({ dtype: long, shape: [long], data_offsets: [0] }))).catch((e) => e.message);
    expect(message.length).toBeLessThan(path.length + 500);
  });

  it("a missing file", async () => {
    await expect(readSafetensorsHeader(join(folder, "none"))).rejects.toThrow(CheckpointError);
  });
});

describe("a valid header is read", () => {
  it.each<[string, Buffer, [string, number, number][]]>([
    ["without tensors", file("{}"), []],
    ["padded with spaces", file(`${one(F32(0, 16))}    `), [["weight", 0, 16]]],
    [
      "with names that objects have",
      file(`{"__proto__":${JSON.stringify(F32(0, 16))},"toString":${JSON.stringify(F32(16, 32))}}`),
      [
        ["__proto__", 0, 16],
        ["toString", 16, 16],
      ],
    ],
    ["with an empty tensor", file(one(F32(3, 3, [0, 7]))), [["weight", 3, 0]]],
    ["with a scalar", file(one(F32(4, 8, []))), [["weight", 4, 4]]],
    [
      "with metadata that looks like a tensor's name",
      file(`{"__metadata__":{"weight":"{}"},${one(F32(0, 16)).slice(1)}`),
      [["weight", 0, 16]],
    ],
    ["with 6 MB of metadata in one string", file(withMetadata("a".repeat(6e6))), [["weight", 0, 16]]],
    ["with 7 MB of escaped metadata in one string", file(withMetadata('"\\\n'.repeat(1.2e6))), [["weight", 0, 16]]],
  ])("%s", async (_, bytes, expected) => {
    const start = 8 + Number(bytes.readBigUInt64LE());
    const entries = [...(await read(bytes))].map(([name, { offset, byteLength }]) => [
      name,
      offset - start,
      byteLength,
    ]);
    expect(entries).toEqual(expected);
  });
});

describe("any bytes give an error or tensors inside the file", () => {
  const number = fc.oneof(
    fc.integer({ min: -4, max: 80 }),
    fc.constantFrom(2 ** 31, 2 ** 32, 2 ** 53, 2 ** 53 - 1, -(2 ** 53), 1e308, 0.5, -0),
    fc.anything(),
  );
  const entry = fc.record(
    {
      dtype: fc.oneof(fc.constantFrom("F32", "BF16", "U8", "I64", "F64"), fc.anything()),
      shape: fc.oneof(
        fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 3 }),
        fc.array(number, { maxLength: 5 }),
        fc.anything(),
      ),
      data_offsets: fc.oneof(fc.tuple(number, number), fc.array(number), fc.anything()),
    },
    { requiredKeys: [] },
  );
  const header = fc.dictionary(
    fc.oneof(fc.string({ maxLength: 4 }), fc.constantFrom("__proto__", "__metadata__")),
    entry,
  );

  it("for valid headers", async () => {
    await fc.assert(
      fc.asyncProperty(header, fc.nat({ max: 80 }), async (value, data) => {
        await expectSafe(
          file(
            JSON.stringify(value, (_, v) => (typeof v === "bigint" ? String(v) : v)),
            { data },
          ),
        );
      }),
      { numRuns: 500 },
    );
  });

  it("for small tensors at any offset", async () => {
    const placed = fc.record({ begin: fc.integer({ min: -2, max: 40 }), size: fc.integer({ min: 0, max: 12 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(placed, { maxLength: 4 }), fc.nat({ max: 40 }), async (places, data) => {
        const value = places.map(({ begin, size }, i) => [
          `t${i}`,
          { dtype: "U8", shape: [size], data_offsets: [begin, begin + size] },
        ]);
        await expectSafe(file(JSON.stringify(Object.fromEntries(value)), { data }));
      }),
      { numRuns: 500 },
    );
  });

  it("for a valid file with some bytes changed or cut off", async () => {
    const sound = file(JSON.stringify({ a: F32(0, 16), b: { dtype: "BF16", shape: [2, 3], data_offsets: [16, 28] } }));
    const change = fc.record({ at: fc.nat({ max: sound.length - 1 }), to: fc.nat({ max: 255 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 6 }), fc.nat({ max: sound.length }), async (changes, length) => {
        const bytes = Buffer.from(sound);
        for (const { at, to } of changes) bytes[at] = to;
        await expectSafe(bytes.subarray(0, Math.max(length, 8)));
        await expectSafe(bytes);
      }),
      { numRuns: 500 },
    );
  });

  it("for random bytes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) =>
        expectSafe(Buffer.concat([bytes, Buffer.alloc(8)])),
      ),
    );
  });
});
