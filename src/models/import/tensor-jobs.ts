import type { Quantiser } from "../../onnx/index.ts";
import {
  CheckpointError,
  type Codes,
  elementsOf,
  type SourceTensor,
  type StoredForm,
  type TensorToWrite,
  type WriteJob,
} from "../../weights/index.ts";
import { isRoundable, type PartKind } from "./parts.ts";
import type { WeightMode } from "./pieces.ts";

/** A job for the writer, and the entry of its matrix in the header. */
export interface TensorJob extends WriteJob {
  readonly form?: readonly [name: string, form: StoredForm];
  /** Bytes that it reads, for progress. */
  readonly bytes: number;
}

/** Numbers to decode at a time. */
const PIECE = 1 << 24;
/** Above this number of values, tensors in other forms are written in BF16 instead of F32. */
const LARGE = 1 << 24;
const BLOCK = 32;

/**
 * How to copy one tensor from its source into the converted file.
 * @param from name of its file, for messages
 */
export function tensorJob(
  kind: PartKind,
  name: string,
  tensor: SourceTensor,
  mode: WeightMode,
  quantiser: Quantiser,
  from: string,
): TensorJob {
  const job = { bytes: tensor.byteLength };
  const fail = (what: string) => new CheckpointError(`${from}: tensor "${name}" ${what}`);
  const finite = (values: Float32Array): Float32Array => {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += values[i]! - values[i]!; // 0, or NaN
    if (sum !== 0) throw fail("holds numbers that are not finite");
    return values;
  };
  const { shape } = tensor;
  const [out, width] = shape as [number, number];
  if (isRoundable(kind, name, shape)) {
    if (tensor.int8 && mode !== "int4") return { ...job, ...int8Copy(name, tensor, finite) };
    if (tensor.blocks && keepsBlocks(tensor, mode)) return { ...job, ...blockCopy(name, tensor, finite) };
    if (mode === "int8") return { ...job, ...int8(name, tensor, quantiser, finite) };
    if (mode === "int4" && width % BLOCK === 0) return { ...job, ...int4(name, tensor, out, width, quantiser, finite) };
  }
  return { ...job, ...plain(name, tensor, finite, fail) };
}

type Finite = (values: Float32Array) => Float32Array;

/** Blocks are kept in mode `keep`, and in mode `int4` if they are equally small. */
function keepsBlocks({ blocks, shape }: SourceTensor, mode: WeightMode): boolean {
  const { group, bits, elements } = blocks!.type;
  if (shape[1]! % elements !== 0) return false;
  return mode === "keep" || (mode === "int4" && bits === 4 && group === BLOCK);
}

function plain(name: string, tensor: SourceTensor, finite: Finite, fail: (what: string) => Error): WriteJob {
  const { shape } = tensor;
  const count = elementsOf(shape);
  const source = tensor.plain;
  const dtype = source?.dtype ?? (count > LARGE ? "BF16" : "F32");
  return {
    tensors: [{ name, dtype, shape }],
    async produce(put) {
      for (let start = 0; start < count; start += PIECE) {
        const length = Math.min(PIECE, count - start);
        if (source) {
          const bytes = source.bytes(start, length);
          if (!bytesAreFinite(bytes, source.dtype)) throw fail("holds numbers that are not finite");
          await put(name, bytes);
        } else {
          const values = finite(tensor.decode(start, length));
          await put(name, dtype === "F32" ? bytesOf(values) : bytesOf(toBfloat16(values)));
        }
      }
    },
  };
}

function int8(name: string, tensor: SourceTensor, quantiser: Quantiser, finite: Finite): Omit<TensorJob, "bytes"> {
  const [out, width] = tensor.shape as [number, number];
  const rotation = [64, 16, 4, 1].find((group) => width % group === 0)!;
  return {
    ...int8Shape(name, out, width, rotation),
    async produce(put) {
      const codes = new Int8Array(width * out);
      const scales = new Float32Array(out);
      await byRows(out, width, async (first, rows) => {
        const values = finite(tensor.decode(first * width, rows * width));
        const piece = await quantiser.int8(values, rows, rotation);
        scales.set(piece.scales, first);
        for (let i = 0; i < width; i++) codes.set(piece.codes.subarray(i * rows, (i + 1) * rows), i * out + first);
      });
      await put(name, bytesOf(codes));
      await put(`${name}_scale`, bytesOf(scales));
    },
  };
}

/** Transposes codes that are already int8 in the file: [out, in] → [in, out]. */
function int8Copy(name: string, tensor: SourceTensor, finite: Finite): Omit<TensorJob, "bytes"> {
  const [out, width] = tensor.shape as [number, number];
  const source = tensor.int8!;
  return {
    ...int8Shape(name, out, width, source.rotation),
    async produce(put) {
      const codes = new Int8Array(width * out);
      await byRows(out, width, async (first, rows) => {
        const piece = source.codes(first, rows);
        for (let row = 0; row < rows; row++) {
          for (let i = 0, to = first + row; i < width; i++, to += out) codes[to] = piece[row * width + i]!;
        }
      });
      await put(name, bytesOf(codes));
      await put(`${name}_scale`, bytesOf(finite(source.scales())));
    },
  };
}

function int8Shape(name: string, out: number, width: number, rotation: number) {
  const tensors: TensorToWrite[] = [
    { name, dtype: "I8", shape: [width, out] },
    { name: `${name}_scale`, dtype: "F32", shape: [out] },
  ];
  return { tensors, form: [name, { form: "int8", rotation }] as const };
}

function int4(name: string, tensor: SourceTensor, out: number, width: number, quantiser: Quantiser, finite: Finite) {
  const tensors: TensorToWrite[] = [
    { name, dtype: "U8", shape: [out, width / BLOCK, BLOCK / 2] },
    { name: `${name}_scale`, dtype: "F32", shape: [out, width / BLOCK] },
  ];
  return {
    tensors,
    form: [name, { form: "blocks", bits: 4, block: BLOCK }] as const,
    async produce(put: (name: string, bytes: Uint8Array) => Promise<void>) {
      await byRows(out, width, async (first, rows) => {
        const { codes, scales } = await quantiser.blocks(
          finite(tensor.decode(first * width, rows * width)),
          rows,
          4,
          BLOCK,
        );
        await put(name, bytesOf(codes));
        await put(`${name}_scale`, bytesOf(scales));
      });
    },
  };
}

/** Blocks of GGUF in the form of `MatMulNBits`: the same codes, centred, in another order. */
function blockCopy(name: string, tensor: SourceTensor, finite: Finite): Omit<TensorJob, "bytes"> {
  const [out, width] = tensor.shape as [number, number];
  const { type, unpack } = tensor.blocks!;
  const { bits, group, hasMinima } = type;
  const perRow = width / group;
  const tensors: TensorToWrite[] = [
    { name, dtype: "U8", shape: [out, perRow, (group * bits) / 8] },
    { name: `${name}_scale`, dtype: "F32", shape: [out, perRow] },
  ];
  if (hasMinima) tensors.push({ name: `${name}_minimum`, dtype: "F32", shape: [out, perRow] });
  return {
    tensors,
    form: [name, { form: "blocks", bits, block: group }] as const,
    async produce(put) {
      await byRows(out, width, async (first, rows) => {
        const unpacked = unpack(first * width, rows * width);
        await put(name, packed(unpacked, type.centre, bits));
        await put(`${name}_scale`, bytesOf(finite(unpacked.scales)));
        if (unpacked.minima) await put(`${name}_minimum`, bytesOf(finite(centredMinima(unpacked, type.centre))));
      });
    },
  };
}

/** Packs codes from 0; the first one takes the lowest bits of each byte. */
function packed({ codes }: Codes, centre: number, bits: 2 | 4 | 8): Uint8Array {
  const shift = 2 ** (bits - 1) - centre;
  const perByte = 8 / bits;
  const bytes = new Uint8Array(codes.length / perByte);
  for (let i = 0; i < codes.length; i++) {
    const at = Math.floor(i / perByte);
    bytes[at] = bytes[at]! | ((codes[i]! + shift) << (bits * (i % perByte)));
  }
  return bytes;
}

/** The minima after the codes are centred: `s · q - m = s · (q - c) - (m - c · s)`. */
function centredMinima({ scales, minima }: Codes, centre: number): Float32Array {
  return minima!.map((minimum, i) => minimum - centre * scales[i]!);
}

/** Handles a few rows at a time, so that the decoded values stay small. */
async function byRows(out: number, width: number, work: (first: number, rows: number) => Promise<void>): Promise<void> {
  const rows = Math.max(1, Math.floor(PIECE / width));
  for (let first = 0; first < out; first += rows) await work(first, Math.min(rows, out - first));
}

function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Rounds to nearest, ties to even. */
function toBfloat16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) halves[i] = (words[i]! + 0x7fff + ((words[i]! >>> 16) & 1)) >>> 16;
  return halves;
}

/** False when a number has all bits of its exponent set: NaN or infinity. */
function bytesAreFinite(bytes: Uint8Array<ArrayBuffer>, dtype: "F32" | "F16" | "BF16"): boolean {
  const exponent = { F32: 0x7f800000, F16: 0x7c00, BF16: 0x7f80 }[dtype];
  const numbers = dtype === "F32" ? new Uint32Array(bytes.buffer) : new Uint16Array(bytes.buffer);
  for (let i = 0; i < numbers.length; i++) if ((numbers[i]! & exponent) === exponent) return false;
  return true;
}
