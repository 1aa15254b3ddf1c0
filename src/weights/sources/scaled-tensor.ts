import { decodeFloats } from "../decode-floats.ts";
import { rotateGroups } from "../rotation.ts";
import { bytesPerElement, type TensorEntry } from "../safetensors.ts";
import type { ByteSource } from "./byte-source.ts";
import type { LayerScale } from "./scaled-layers.ts";
import { decodeInUnits, elementsOf, type SourceTensor } from "./tensor-source.ts";

/** A matrix in fp8 or int8 with a scale for all of it, or one a row. */
export function scaledTensor(bytes: ByteSource, entry: TensorEntry, scale: LayerScale): SourceTensor {
  const { shape, byteLength, offset, dtype } = entry;
  const { scales, rotation } = scale;
  const [rows = 1] = shape;
  const width = elementsOf(shape) / rows;
  const size = bytesPerElement(dtype);
  const read = (start: number, count: number) => bytes.read(offset + start * size, count * size);
  const decodeRows = (start: number, count: number) => {
    const raw = read(start, count);
    // Codes are whole numbers: rotating them is exact, so that the only rounding is that of the scale.
    const values = dtype === "I8" ? Float32Array.from(new Int8Array(raw.buffer)) : decodeFloats(raw, dtype)!;
    if (rotation > 1) rotateGroups(values, rotation);
    for (let row = 0; row < count / width; row++) {
      const factor = scales[scales.length === 1 ? 0 : start / width + row]!;
      for (let i = row * width; i < (row + 1) * width; i++) values[i]! *= factor;
    }
    return values;
  };
  return {
    shape,
    byteLength,
    stored: `${dtype} with ${scales.length === 1 ? "a scale" : "a scale a row"}${rotation > 1 ? `, rotated by ${rotation}` : ""}`,
    decode: (start, count) => decodeInUnits(width, start, count, decodeRows),
    int8:
      dtype === "I8" && shape.length === 2
        ? {
            rotation,
            codes: (first, count) => new Int8Array(read(first * width, count * width).buffer),
            scales: () => (scales.length === 1 ? new Float32Array(rows).fill(scales[0]!) : scales),
          }
        : undefined,
  };
}
