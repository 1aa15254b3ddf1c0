import { CheckpointError } from "../checkpoint-file.ts";
import { BLOCK_TYPES } from "./block-types.ts";
import type { ByteSource } from "./byte-source.ts";
import { byteCursor, type Cursor } from "./cursor.ts";

/** One tensor of a GGUF file. */
export interface GgufTensor {
  /** `F32`, `BF16`, `Q4_K`, … */
  readonly type: string;
  /** As in torch: the last axis is contiguous. */
  readonly shape: readonly number[];
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly byteLength: number;
}

/** The header of a GGUF file. */
export interface GgufHeader {
  readonly tensors: Map<string, GgufTensor>;
  /** Scalars and texts. Long lists, such as the words of a tokenizer, are omitted. */
  readonly metadata: ReadonlyMap<string, string | number | boolean | readonly number[]>;
}

/** Headers of real files have 6 MB (the vocabulary of a text encoder). */
const MAX_HEADER_BYTES = 64_000_000;
const MAX_TENSORS = 100_000;
const MAX_KEYS = 100_000;
const MAX_NAME = 10_000;
/** Most numbers in a list that is kept: enough for shapes. */
const MAX_KEPT = 16;

const PLAIN_BYTES: Readonly<Record<string, number>> = {
  F32: 4,
  F16: 2,
  BF16: 2,
  F64: 8,
  I8: 1,
  I16: 2,
  I32: 4,
  I64: 8,
};

/**
 * Parses the header of a GGUF file, version 2 or 3.
 *
 * Layout, little-endian: `GGUF`, u32 version, u64 tensors, u64 keys; keys with values; tensor infos; data from the next multiple of
 * `general.alignment`. Source: docs/gguf.md of ggml-org/ggml.
 *
 * @throws CheckpointError naming the file and the fault, also for an unsupported type of numbers
 */
export function parseGguf(bytes: ByteSource): GgufHeader {
  const fail = (what: string) => new CheckpointError(`${bytes.name}: ${what}`);
  const cursor = byteCursor(bytes, MAX_HEADER_BYTES);
  if (cursor.text(4) !== "GGUF") throw fail("not a GGUF file");
  const version = cursor.u32();
  if (version === 0x02000000 || version === 0x03000000)
    throw fail("a big-endian GGUF file; a little-endian one is needed");
  if (version !== 2 && version !== 3) throw fail(`GGUF version ${version} is not 2 or 3`);
  const [tensorCount, keyCount] = [cursor.u64(), cursor.u64()];
  if (tensorCount > MAX_TENSORS) throw fail(`${tensorCount} tensors, more than ${MAX_TENSORS}`);
  if (keyCount > MAX_KEYS) throw fail(`${keyCount} metadata keys, more than ${MAX_KEYS}`);

  const metadata = new Map<string, string | number | boolean | readonly number[]>();
  for (let i = 0; i < keyCount; i++) {
    const key = cursor.string(MAX_NAME);
    const value = readValue(cursor, cursor.u32());
    if (value !== undefined) metadata.set(key, value);
  }
  const alignment = metadata.get("general.alignment") ?? 32;
  if (
    typeof alignment !== "number" ||
    !Number.isInteger(alignment) ||
    alignment < 8 ||
    alignment > 1 << 20 ||
    alignment % 8 !== 0
  ) {
    throw fail(`general.alignment is ${alignment}, which is not a multiple of 8`);
  }

  const infos = Array.from({ length: tensorCount }, () => readInfo(cursor, bytes.name));
  const dataStart = Math.ceil(cursor.position() / alignment) * alignment;
  const tensors = new Map<string, GgufTensor>();
  for (const { name, dims, typeId, offset } of infos) {
    const wrong = (what: string) => fail(`tensor "${name}": ${what}`);
    if (tensors.has(name)) throw wrong("exists twice");
    if (offset % alignment !== 0) throw wrong(`offset ${offset} is not a multiple of ${alignment}`);
    const type = GGUF_TYPES.get(typeId) ?? `type ${typeId}`;
    const byteLength = bytesOf(type, dims, wrong);
    if (dataStart + offset + byteLength > bytes.size) {
      throw wrong(`its ${byteLength} bytes at ${dataStart + offset} are not in the file's ${bytes.size} (truncated?)`);
    }
    const shape = originalShape(metadata.get(`comfy.gguf.orig_shape.${name}`), dims, wrong) ?? dims.toReversed();
    tensors.set(name, { type, shape, offset: dataStart + offset, byteLength });
  }
  refuseOverlaps(tensors, fail);
  return { tensors, metadata };
}

function readInfo(cursor: Cursor, file: string) {
  const name = cursor.string(MAX_NAME);
  const rank = cursor.u32();
  if (rank > 8) throw new CheckpointError(`${file}: tensor "${name}": ${rank} axes, more than 8`);
  const dims = Array.from({ length: rank }, () => cursor.u64());
  return { name, dims, typeId: cursor.u32(), offset: cursor.u64() };
}

function bytesOf(type: string, dims: readonly number[], wrong: (what: string) => Error): number {
  const elements = dims.reduce((product, size) => product * size, 1);
  if (!Number.isSafeInteger(elements)) throw wrong(`[${dims}] is too large`);
  const plain = PLAIN_BYTES[type];
  if (plain !== undefined) return elements * plain;
  const block = BLOCK_TYPES[type];
  if (!block) {
    const known = Object.keys(BLOCK_TYPES).join(", ");
    throw wrong(`${type} is not supported; supported are F32, F16, BF16, ${known}. Use a Q4_K_M or Q8_0 file`);
  }
  if ((dims[0] ?? 1) % block.elements !== 0)
    throw wrong(`rows of ${dims[0]} are not whole blocks of ${block.elements} (${type})`);
  return (elements / block.elements) * block.bytes;
}

/** The converter of City96 flattens tensors of five axes and stores their original shape in the metadata. */
function originalShape(
  noted: unknown,
  dims: readonly number[],
  wrong: (what: string) => Error,
): readonly number[] | undefined {
  if (noted === undefined) return undefined;
  const elements = dims.reduce((product, size) => product * size, 1);
  const isShape = Array.isArray(noted) && noted.every((size) => Number.isSafeInteger(size) && size >= 0);
  if (!isShape || noted.reduce((product, size) => product * size, 1) !== elements) {
    throw wrong(`its original shape [${noted}] does not hold the ${elements} numbers of [${dims}]`);
  }
  return noted;
}

function refuseOverlaps(tensors: ReadonlyMap<string, GgufTensor>, fail: (what: string) => Error): void {
  const ordered = [...tensors].filter(([, t]) => t.byteLength > 0).sort(([, a], [, b]) => a.offset - b.offset);
  for (let i = 1; i < ordered.length; i++) {
    const [[previousName, previous], [name, tensor]] = [ordered[i - 1]!, ordered[i]!];
    if (previous.offset + previous.byteLength > tensor.offset)
      throw fail(`tensors "${previousName}" and "${name}" overlap`);
  }
}

const FIXED_SIZE = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];
const [STRING, ARRAY] = [8, 9];

/** A value of the metadata. Undefined for long lists and lists of other types than numbers, which are skipped. */
function readValue(cursor: Cursor, type: number): string | number | boolean | readonly number[] | undefined {
  if (type === STRING) return cursor.string();
  if (type !== ARRAY) return readScalar(cursor, type);
  const itemType = cursor.u32();
  const count = cursor.u64();
  if (itemType === ARRAY) throw cursor.error("lists of lists in the metadata");
  if (itemType === STRING) {
    for (let i = 0; i < count; i++) cursor.skip(cursor.u64());
    return undefined;
  }
  const size = FIXED_SIZE[itemType];
  if (size === undefined) throw cursor.error(`metadata of unknown type ${itemType}`);
  if (count > MAX_KEPT) {
    cursor.skip(count * size);
    return undefined;
  }
  return Array.from({ length: count }, () => Number(readScalar(cursor, itemType)));
}

function readScalar(cursor: Cursor, type: number): number | boolean {
  switch (type) {
    case 0:
      return cursor.take(1).getUint8(0);
    case 1:
      return cursor.take(1).getInt8(0);
    case 2:
      return cursor.take(2).getUint16(0, true);
    case 3:
      return cursor.take(2).getInt16(0, true);
    case 4:
      return cursor.u32();
    case 5:
      return cursor.take(4).getInt32(0, true);
    case 6:
      return cursor.take(4).getFloat32(0, true);
    case 7:
      return cursor.take(1).getUint8(0) !== 0;
    case 10:
      return Number(cursor.take(8).getBigUint64(0, true));
    case 11:
      return Number(cursor.take(8).getBigInt64(0, true));
    case 12:
      return cursor.take(8).getFloat64(0, true);
    default:
      throw cursor.error(`metadata of unknown type ${type}`);
  }
}

/** Number types of a GGUF file, by ggml's identifier (ggml.h, `enum ggml_type`). */
export const GGUF_TYPES: ReadonlyMap<number, string> = new Map([
  [0, "F32"],
  [1, "F16"],
  [2, "Q4_0"],
  [3, "Q4_1"],
  [6, "Q5_0"],
  [7, "Q5_1"],
  [8, "Q8_0"],
  [9, "Q8_1"],
  [10, "Q2_K"],
  [11, "Q3_K"],
  [12, "Q4_K"],
  [13, "Q5_K"],
  [14, "Q6_K"],
  [15, "Q8_K"],
  [16, "IQ2_XXS"],
  [17, "IQ2_XS"],
  [18, "IQ3_XXS"],
  [19, "IQ1_S"],
  [20, "IQ4_NL"],
  [21, "IQ3_S"],
  [22, "IQ2_S"],
  [23, "IQ4_XS"],
  [24, "I8"],
  [25, "I16"],
  [26, "I32"],
  [27, "I64"],
  [28, "F64"],
  [29, "IQ1_M"],
  [30, "BF16"],
  [34, "TQ1_0"],
  [35, "TQ2_0"],
  [39, "MXFP4"],
  [40, "NVFP4"],
]);
