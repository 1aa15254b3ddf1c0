import type { BlockType, Codes } from "./block-types.ts";

/** The tensors of a file in any format, found by name and decoded on demand. */
export interface TensorSource {
  /** The file, for messages. */
  readonly name: string;
  readonly tensors: ReadonlyMap<string, SourceTensor>;
  /** What the file says of itself: `general.architecture` of GGUF, the texts of a safetensors header. */
  readonly metadata: ReadonlyMap<string, unknown>;
  close(): void;
}

/** One tensor of a file. */
export interface SourceTensor {
  /** As in torch: of a linear layer's matrix [out, in]. */
  readonly shape: readonly number[];
  /** How it is stored, for people: `BF16`, `Q4_K`, `F8_E4M3 with scale`. */
  readonly stored: string;
  /** Bytes that it takes in its file. */
  readonly byteLength: number;
  /**
   * The numbers from element `start` on, in the order of the shape.
   * @throws CheckpointError when it holds no fractional numbers, or its file ends early
   */
  decode(start: number, count: number): Float32Array;
  /** Where the file holds plain numbers: these bytes, without decoding. */
  readonly plain?: PlainTensor;
  /** Where the file holds rounded codes with a scale per row: these. */
  readonly int8?: Int8Tensor;
  /** Where the file holds blocks of weights that share a scale: these. */
  readonly blocks?: BlockTensor;
}

export interface PlainTensor {
  readonly dtype: "F32" | "F16" | "BF16";
  /** The bytes of `count` elements from `start` on. */
  bytes(start: number, count: number): Uint8Array<ArrayBuffer>;
}

export interface Int8Tensor {
  /** Input features that are rotated together (`rotation.ts`); 1 for none. */
  readonly rotation: number;
  /** Codes of some rows, [rows, in]. */
  codes(firstRow: number, rows: number): Int8Array;
  /** [out] */
  scales(): Float32Array;
}

export interface BlockTensor {
  readonly type: BlockType;
  /** A run of whole blocks, from element `start` on. */
  unpack(start: number, count: number): Codes;
}

/** How many numbers a shape holds. */
export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * `count` numbers from `start` on, of what can only be decoded in whole units.
 * @param unit numbers that are decoded together
 */
export function decodeInUnits(
  unit: number,
  start: number,
  count: number,
  decode: (start: number, count: number) => Float32Array,
): Float32Array {
  if (start % unit === 0 && count % unit === 0) return decode(start, count);
  const first = Math.floor(start / unit) * unit;
  const end = Math.ceil((start + count) / unit) * unit;
  return decode(first, end - first).slice(start - first, start - first + count);
}
