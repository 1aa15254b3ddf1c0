import type { StoredType } from "./safetensors.ts";

/**
 * Values of a floating-point type as float32; undefined for integer types.
 * @param bytes little-endian, a whole number of elements
 */
export function decodeFloats(bytes: Uint8Array<ArrayBuffer>, dtype: StoredType): Float32Array | undefined {
  const { buffer, byteOffset, byteLength } = aligned(bytes);
  if (dtype === "F32") return new Float32Array(buffer, byteOffset, byteLength / 4);
  if (dtype === "F64") return Float32Array.from(new Float64Array(buffer, byteOffset, byteLength / 8));
  if (dtype === "BF16") return fromBfloat16(new Uint16Array(buffer, byteOffset, byteLength / 2));
  if (dtype === "F16") return fromTable(new Uint16Array(buffer, byteOffset, byteLength / 2), HALVES);
  if (dtype === "F8_E4M3") return fromTable(bytes, E4M3);
  if (dtype === "F8_E5M2") return fromTable(bytes, E5M2);
  return undefined;
}

/** The float32 of an IEEE 754 binary16: sign, 5 bits of exponent, 10 bits of fraction. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** 4 bits of exponent, 3 of fraction; no infinities, one NaN. */
const E4M3 = tabulate(256, (byte) => {
  const sign = byte & 0x80 ? -1 : 1;
  const exponent = (byte >> 3) & 15;
  const fraction = byte & 7;
  if (exponent === 15 && fraction === 7) return Number.NaN;
  if (exponent === 0) return (sign * fraction * 2 ** -6) / 8;
  return sign * (1 + fraction / 8) * 2 ** (exponent - 7);
});

/** 5 bits of exponent, 2 of fraction: the upper byte of a binary16. */
const E5M2 = tabulate(256, (byte) => halfToNumber(byte << 8));

/** All 65,536 binary16 numbers: a look-up is several times faster than computing them. */
const HALVES = tabulate(65_536, halfToNumber);

function fromTable(codes: Uint8Array | Uint16Array, table: Float32Array): Float32Array {
  return tabulate(codes.length, (i) => table[codes[i]!]!);
}

/** A bfloat16 is the upper half of a float32. */
function fromBfloat16(values: Uint16Array): Float32Array {
  const words = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) words[i] = values[i]! << 16;
  return new Float32Array(words.buffer);
}

/** Typed arrays of wider elements need an aligned start. */
function aligned(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
}

/**
 * `[valueAt(0), …, valueAt(length - 1)]`. For millions of values it is several times faster than `Float32Array.from` and `.map`.
 * Measured on Node 24, on a busy machine: 4 million in 80–230 ms, compared with 210–570 ms.
 */
export function tabulate(length: number, valueAt: (i: number) => number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) values[i] = valueAt(i);
  return values;
}
