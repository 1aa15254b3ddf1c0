import { closeSync, openSync, readSync } from "node:fs";
import { CheckpointError } from "./checkpoint-file.ts";
import { decodeFloats } from "./decode-floats.ts";
import type { StoredType } from "./safetensors.ts";
import type { Weight } from "./weights.ts";

/** Reads tensors. It opens each file once. */
export interface TensorReader {
  /**
   * A tensor as float32, from any form.
   * @throws CheckpointError when it holds integers, or its file ends early
   */
  read(weight: Weight): Float32Array;
  /**
   * Rows of a matrix as float32, in the requested order: [rows, columns].
   * @throws CheckpointError as `read`
   */
  readRows(weight: Weight, rows: readonly number[]): Float32Array;
  /**
   * The first value of a tensor, fractional or integer; undefined when the tensor is empty.
   * @throws CheckpointError when it holds booleans, or its file ends early
   */
  readNumber(weight: Weight): number | undefined;
  close(): void;
}

/** Reading is synchronous: it reads hundreds of small tensors in the time of one asynchronous open. */
export function tensorReader(): TensorReader {
  const files = new Map<string, number>();
  const bytesOf = (weight: Weight) => {
    const file = files.get(weight.file) ?? openSync(weight.file, "r");
    files.set(weight.file, file);
    return readBytes(file, weight);
  };
  return {
    read: (weight) => toFloat32(bytesOf(weight), weight),
    readRows(weight, rows) {
      const [count = 0, columns = 0] = weight.shape;
      const byteLength = weight.byteLength / count;
      const values = new Float32Array(rows.length * columns);
      for (const [i, row] of rows.entries()) {
        const place = { ...weight, offset: weight.offset + row * byteLength, byteLength };
        values.set(toFloat32(bytesOf(place), weight), i * columns);
      }
      return values;
    },
    readNumber(weight) {
      const bytes = bytesOf(weight);
      const [first] = toWhole(bytes, weight.dtype) ?? toFloat32(bytes, weight);
      return first === undefined ? undefined : Number(first);
    },
    close() {
      for (const file of files.values()) closeSync(file);
      files.clear();
    },
  };
}

function readBytes(file: number, { file: path, offset, byteLength }: Weight): ArrayBuffer {
  const bytes = new Uint8Array(byteLength);
  for (let filled = 0; filled < byteLength; ) {
    const count = readSync(file, bytes, filled, byteLength - filled, offset + filled);
    if (count === 0) throw new CheckpointError(`${path}: ended ${byteLength - filled} bytes early`);
    filled += count;
  }
  return bytes.buffer;
}

function toFloat32(bytes: ArrayBuffer, { file, dtype }: Weight): Float32Array {
  const floats = decodeFloats(new Uint8Array(bytes), dtype);
  if (floats) return floats;
  throw new CheckpointError(`${file}: a tensor of ${dtype} where floating-point numbers are expected`);
}

function toWhole(bytes: ArrayBuffer, dtype: StoredType) {
  if (dtype === "I64") return new BigInt64Array(bytes);
  if (dtype === "I32") return new Int32Array(bytes);
  if (dtype === "I16") return new Int16Array(bytes);
  if (dtype === "I8") return new Int8Array(bytes);
  if (dtype === "U8") return new Uint8Array(bytes);
  return undefined;
}
