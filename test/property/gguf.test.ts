import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CheckpointError } from "../../src/weights/index.ts";
import { memoryBytes } from "../../src/weights/sources/byte-source.ts";
import { parseGguf } from "../../src/weights/sources/gguf.ts";
import { sourceOf } from "../../src/weights/sources/open-source.ts";
import { elementsOf } from "../../src/weights/sources/tensor-source.ts";

const NAME = "hostile.gguf";
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const u64 = (value: number | bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);

interface Info {
  readonly name?: string;
  readonly dims?: readonly (number | bigint)[];
  readonly type?: number;
  readonly offset?: number | bigint;
}
interface File {
  readonly version?: number;
  readonly tensors?: readonly Info[];
  readonly keys?: readonly Buffer[];
  readonly tensorCount?: number | bigint;
  readonly keyCount?: number | bigint;
  readonly data?: number;
}

const info = ({ name = "a", dims = [4], type = 0, offset = 0 }: Info) =>
  Buffer.concat([text(name), u32(dims.length), ...dims.map(u64), u32(type), u64(offset)]);

function file({ version = 3, tensors = [], keys = [], tensorCount, keyCount, data = 64 }: File): Buffer {
  const head = Buffer.concat([
    Buffer.from("GGUF"),
    u32(version),
    u64(tensorCount ?? tensors.length),
    u64(keyCount ?? keys.length),
    ...keys,
    ...tensors.map(info),
  ]);
  return Buffer.concat([head, Buffer.alloc((32 - (head.length % 32)) % 32), Buffer.alloc(data, 1)]);
}

const read = (bytes: Uint8Array) => parseGguf(memoryBytes(NAME, bytes));
const key = (name: string, type: number, value: Buffer) => Buffer.concat([text(name), u32(type), value]);
const list = (itemType: number, count: number | bigint, items: Buffer) =>
  Buffer.concat([u32(itemType), u64(count), items]);

/** Types of numbers that are refused by name, by ggml's identifier. */
const UNSUPPORTED: readonly (readonly [type: number, name: string])[] = [
  [16, "IQ2_XXS"],
  [17, "IQ2_XS"],
  [18, "IQ3_XXS"],
  [19, "IQ1_S"],
  [21, "IQ3_S"],
  [22, "IQ2_S"],
  [29, "IQ1_M"],
  [34, "TQ1_0"],
  [35, "TQ2_0"],
  [39, "MXFP4"],
  [40, "NVFP4"],
];

describe("a hostile GGUF header is an error", () => {
  it.each<[string, Uint8Array, RegExp]>([
    ["four bytes", Buffer.from("GGUF"), /ended early/],
    ["version 1", file({ version: 1 }), /version 1/],
    ["version 2³² - 1", file({ version: 0xffffffff }), /version 4294967295/],
    ["the other byte order", file({ version: 0x03000000 }), /big-endian/],
    ["2⁶³ tensors", file({ tensorCount: 2n ** 63n }), /too large/],
    ["a billion tensors", file({ tensorCount: 1e9 }), /1000000000 tensors/],
    ["more tensors than there are", file({ tensorCount: 3, tensors: [{}] }), /./],
    ["a billion keys", file({ keyCount: 1e9 }), /1000000000 metadata keys/],
    ["a key of 2⁶⁰ bytes", file({ keys: [u64(2n ** 60n)] }), /too large/],
    ["a key of a gigabyte", file({ keys: [u64(1e9)] }), /more than 10000/],
    ["a text of a gigabyte", file({ keys: [key("a", 8, u64(1e9))] }), /more than 1000000/],
    ["a value of unknown type", file({ keys: [key("a", 99, u64(0))] }), /unknown type 99/],
    ["a list of unknown type", file({ keys: [key("a", 9, list(99, 1, u64(0)))] }), /unknown type 99/],
    ["a list of lists", file({ keys: [key("a", 9, list(9, 1, list(0, 1, u64(0))))] }), /lists of lists/],
    ["a list of 2⁵² numbers", file({ keys: [key("a", 9, list(12, 2 ** 52, Buffer.alloc(8)))] }), /ended early/],
    ["a list of 2⁵² texts", file({ keys: [key("a", 9, list(8, 2 ** 52, text("b")))] }), /./],
    ["nine axes", file({ tensors: [{ dims: Array(9).fill(1) }] }), /9 axes/],
    ["2³² - 1 axes", file({ tensors: [{ dims: [] }] }).fill(0xff, 24 + 9, 24 + 13), /axes/],
    ["sizes that overflow", file({ tensors: [{ dims: [2 ** 40, 2 ** 40] }] }), /too large/],
    ["a size of 2⁶³", file({ tensors: [{ dims: [2n ** 63n] }] }), /too large/],
    ["a tensor larger than the file", file({ tensors: [{ dims: [17] }] }), /are not in the file/],
    ["an offset past the file", file({ tensors: [{ offset: 64 }] }), /are not in the file/],
    ["an offset between the steps", file({ tensors: [{ offset: 8 }] }), /not a multiple of 32/],
    ["a step of 0", file({ keys: [key("general.alignment", 4, u32(0))] }), /alignment/],
    ["a step of 12", file({ keys: [key("general.alignment", 4, u32(12))] }), /alignment/],
    ["a step of text", file({ keys: [key("general.alignment", 8, text("32"))] }), /alignment/],
    ["a step that is no number", file({ keys: [key("general.alignment", 6, u32(0x7fc00000))] }), /alignment/],
    ["a name twice", file({ tensors: [{}, { offset: 32 }] }), /twice/],
    ["two tensors on the same bytes", file({ tensors: [{ name: "a" }, { name: "b" }] }), /overlap/],
    [
      "a tensor inside another",
      file({
        tensors: [
          { name: "a", dims: [16] },
          { name: "b", offset: 32 },
        ],
      }),
      /overlap/,
    ],
    ...UNSUPPORTED.map(([type, name]): [string, Uint8Array, RegExp] => [
      name,
      file({ tensors: [{ type, dims: [256] }] }),
      new RegExp(`${name} is not supported.*Q4_K_M or Q8_0`),
    ]),
    ["a type that nobody knows", file({ tensors: [{ type: 200 }] }), /type 200/],
    ["a row of half a block", file({ tensors: [{ type: 8, dims: [16, 2] }] }), /whole blocks of 32/],
    [
      "a noted shape of other size",
      file({ tensors: [{}], keys: [key("comfy.gguf.orig_shape.a", 9, list(5, 1, u32(5)))] }),
      /original shape \[5\]/,
    ],
  ])("%s", (_, bytes, message) => {
    expect(() => read(bytes)).toThrow(CheckpointError);
    expect(() => read(bytes)).toThrow(message);
    expect(() => read(bytes)).toThrow(NAME);
  });

  it("a header of more than 64 MB in a file as large, in bounded time", () => {
    const endless = {
      name: NAME,
      size: 2 ** 40,
      read: (_: number, length: number) => new Uint8Array(length),
      close() {},
    };
    const head = file({ keys: [key("a", 9, list(8, 2 ** 40, Buffer.alloc(0)))], data: 0 });
    const bytes = {
      ...endless,
      read(offset: number, length: number) {
        const piece = new Uint8Array(length);
        if (offset < head.length) piece.set(head.subarray(offset, offset + length));
        return piece;
      },
    };
    expect(() => parseGguf(bytes)).toThrow(/longer than 64000000/);
  });
});

/** Either a `CheckpointError` that names the file, or tensors that can all be read. */
function expectSafe(bytes: Uint8Array): void {
  try {
    const source = sourceOf(memoryBytes(NAME, bytes));
    for (const { shape, decode, blocks } of source.tensors.values()) {
      const count = elementsOf(shape);
      expect(decode(0, count).length).toBe(count);
      if (blocks) expect(blocks.unpack(0, count).codes.length).toBe(count);
    }
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message).toContain(NAME);
  }
}

describe("any bytes give an error or tensors inside the file", () => {
  it("for small tensors at any offset", () => {
    const size = fc.oneof(fc.integer({ min: 0, max: 64 }), fc.constantFrom(256, 2 ** 31, 2 ** 32, 2 ** 52));
    const tensor = fc.record({
      name: fc.constantFrom("a", "b", "c"),
      dims: fc.array(size, { maxLength: 3 }),
      type: fc.integer({ min: 0, max: 41 }),
      offset: fc.oneof(fc.constantFrom(0, 32, 64, 96, 2 ** 40), fc.nat({ max: 200 })),
    });
    fc.assert(
      fc.property(fc.array(tensor, { maxLength: 4 }), fc.nat({ max: 600 }), (tensors, data) =>
        expectSafe(file({ tensors, data })),
      ),
      { numRuns: 1000 },
    );
  });

  it("for a file of gguf-py with some bytes changed or cut off", async () => {
    const sound = await readFile("test/fixtures/formats/blocks.gguf");
    const change = fc.record({ at: fc.nat({ max: 9000 }), to: fc.nat({ max: 255 }) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 6 }), fc.nat({ max: sound.length }), (changes, length) => {
        const bytes = Buffer.from(sound);
        for (const { at, to } of changes) bytes[at] = to;
        expectSafe(bytes);
        expectSafe(bytes.subarray(0, Math.max(length, 4)));
      }),
      { numRuns: 100 },
    );
  });
});
