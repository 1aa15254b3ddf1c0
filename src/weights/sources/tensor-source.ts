import type { BlockType, Codes } from "./block-types.ts";

/** The tensors of a file in any format, by name. They are decoded on request. */
export interface TensorSource {
  /** Name of the file, for messages. */
  readonly name: string;
  readonly tensors: ReadonlyMap<string, SourceTensor>;
  /** Metadata of the file: `general.architecture` and others in GGUF, the texts of a safetensors header. */
  readonly metadata: ReadonlyMap<string, unknown>;
  close(): void;
}

/** One tensor of a file. */
export interface SourceTensor {
  /** As in torch: [out, in] for the matrix of a linear layer. */
  readonly shape: readonly number[];
  /** Its form in the file, for people: `BF16`, `Q4_K`, `F8_E4M3 with scale`. */
  readonly stored: string;
  /** Its size in the file. */
  readonly byteLength: number;
  /**
   * Values from element `start`, in the order of the shape.
   * @throws CheckpointError when it has no fractional values, or its file ends early
   */
  decode(start: number, count: number): Float32Array;
  /** Plain numbers of the file, without decoding, if it has them. */
  readonly plain?: PlainTensor;
  /** Rounded codes of the file with a scale for each row, if it has them. */
  readonly int8?: Int8Tensor;
  /** Blocks of weights that share a scale, if the file has them. */
  readonly blocks?: BlockTensor;
}

/** A tensor of plain numbers. */
export interface PlainTensor {
  readonly dtype: "F32" | "F16" | "BF16";
  /** The bytes of `count` elements from `start`. */
  bytes(start: number, count: number): Uint8Array<ArrayBuffer>;
}

/** A tensor of int8 codes with a scale for each row. */
export interface Int8Tensor {
  /** Input features in a rotated group (`rotation.ts`); 1 without rotation. */
  readonly rotation: number;
  /** Codes of some rows, [rows, in]. */
  codes(firstRow: number, rows: number): Int8Array;
  /** [out] */
  scales(): Float32Array;
}

/** A tensor of blocks that share a scale. */
export interface BlockTensor {
  readonly type: BlockType;
  /** Decodes whole blocks, from element `start`. */
  unpack(start: number, count: number): Codes;
}

/** The number of values in a shape. */
export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * `count` values from `start`, from a source that decodes whole units only.
 * @param unit number of values that are decoded together
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
