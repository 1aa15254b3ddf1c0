import { open } from "node:fs/promises";
import { CheckpointError } from "../types.ts";
import type { Weight } from "./weights.ts";

/**
 * Reads a tensor as float32, whatever it is stored in.
 * @throws CheckpointError when it holds whole numbers, or its file ends early
 */
export async function readTensorData(weight: Weight): Promise<Float32Array> {
  const { file: path, offset, byteLength, dtype } = weight;
  const bytes = new Uint8Array(byteLength);
  const file = await open(path, "r");
  try {
    for (let filled = 0; filled < byteLength; ) {
      const { bytesRead } = await file.read(bytes, filled, byteLength - filled, offset + filled);
      if (bytesRead === 0) throw new CheckpointError(`${path}: ended ${byteLength - filled} bytes early`);
      filled += bytesRead;
    }
  } finally {
    await file.close();
  }
  if (dtype === "F32") return new Float32Array(bytes.buffer);
  if (dtype === "F64") return Float32Array.from(new Float64Array(bytes.buffer));
  if (dtype === "BF16") return fromBfloat16(new Uint16Array(bytes.buffer));
  if (dtype === "F16") return Float32Array.from(new Uint16Array(bytes.buffer), halfToNumber);
  throw new CheckpointError(`${path}: a tensor of ${dtype} where floating-point numbers are expected`);
}

/** A bfloat16 is the upper half of a float32. */
function fromBfloat16(halves: Uint16Array): Float32Array {
  const words = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) words[i] = halves[i]! << 16;
  return new Float32Array(words.buffer);
}

/** IEEE 754 binary16: sign, 5 bits of exponent, 10 bits of fraction. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
