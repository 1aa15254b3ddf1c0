import { halfToNumber, tabulate } from "../decode-floats.ts";

/**
 * Decoded blocks of weights: element i is `scales[⌊i/group⌋] · codes[i] - minima[⌊i/group⌋]`.
 */
export interface Codes {
  readonly codes: Int8Array;
  /** One for each group. */
  readonly scales: Float32Array;
  /** One for each group; absent if the type has none. */
  readonly minima?: Float32Array;
}

/** One of ggml's block types. Layouts: ggml-common.h and gguf-py `quants.py`; a table is in docs/guides/checkpoints.md. */
export interface BlockType {
  /** Weights in a block, consecutive along the input features. */
  readonly elements: number;
  /** Bytes in a block. */
  readonly bytes: number;
  /** Weights that share a scale. */
  readonly group: number;
  /** Bits for every code after centring, which subtracts a constant to make the range symmetric. */
  readonly bits: 2 | 4 | 8;
  readonly centre: number;
  readonly hasMinima: boolean;
  /** Decodes one block: `at` is its first byte, `to` the index of its first weight. */
  unpack(bytes: DataView, at: number, out: Codes, to: number): void;
}

const HALVES = tabulate(65_536, halfToNumber);
const half = (bytes: DataView, at: number): number => HALVES[bytes.getUint16(at, true)]!;

/** Codes of IQ4_NL and IQ4_XS (ggml-common.h, `kvalues_iq4nl`). */
const IQ4_CODES = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/** 32 codes of 4 bits in 16 bytes: the low halves first, then the high halves. */
function nibbles(bytes: DataView, at: number, codes: Int8Array, to: number, decode: (q: number) => number): void {
  for (let j = 0; j < 16; j++) {
    const byte = bytes.getUint8(at + j);
    codes[to + j] = decode(byte & 15);
    codes[to + j + 16] = decode(byte >> 4);
  }
}

/** Like `nibbles`, with a fifth bit from a word. */
function fiveBits(bytes: DataView, high: number, at: number, codes: Int8Array, to: number, minus: number): void {
  const word = bytes.getUint32(high, true);
  for (let j = 0; j < 16; j++) {
    const byte = bytes.getUint8(at + j);
    codes[to + j] = ((byte & 15) | (((word >>> j) & 1) << 4)) - minus;
    codes[to + j + 16] = ((byte >> 4) | (((word >>> (j + 16)) & 1) << 4)) - minus;
  }
}

/** Scale and minimum, 6 bits each, of sub-block j of 8, from the 12 bytes that Q4_K and Q5_K store for them. */
function sixBits(bytes: DataView, at: number, j: number): [scale: number, minimum: number] {
  const byte = (i: number) => bytes.getUint8(at + i);
  if (j < 4) return [byte(j) & 63, byte(j + 4) & 63];
  return [(byte(j + 4) & 15) | ((byte(j - 4) >> 6) << 4), (byte(j + 4) >> 4) | ((byte(j) >> 6) << 4)];
}

const small = { elements: 32, group: 32, centre: 0, hasMinima: false } as const;
const large = { elements: 256, group: 32, centre: 0, hasMinima: false } as const;

/** The block types, by ggml's name. */
export const BLOCK_TYPES: Readonly<Record<string, BlockType>> = {
  Q4_0: {
    ...small,
    bytes: 18,
    bits: 4,
    unpack(bytes, at, { codes, scales }, to) {
      scales[to / 32] = half(bytes, at);
      nibbles(bytes, at + 2, codes, to, (q) => q - 8);
    },
  },
  Q4_1: {
    ...small,
    bytes: 20,
    bits: 4,
    centre: 8,
    hasMinima: true,
    unpack(bytes, at, { codes, scales, minima }, to) {
      scales[to / 32] = half(bytes, at);
      minima![to / 32] = -half(bytes, at + 2);
      nibbles(bytes, at + 4, codes, to, (q) => q);
    },
  },
  Q5_0: {
    ...small,
    bytes: 22,
    bits: 8,
    unpack(bytes, at, { codes, scales }, to) {
      scales[to / 32] = half(bytes, at);
      fiveBits(bytes, at + 2, at + 6, codes, to, 16);
    },
  },
  Q5_1: {
    ...small,
    bytes: 24,
    bits: 8,
    centre: 16,
    hasMinima: true,
    unpack(bytes, at, { codes, scales, minima }, to) {
      scales[to / 32] = half(bytes, at);
      minima![to / 32] = -half(bytes, at + 2);
      fiveBits(bytes, at + 4, at + 8, codes, to, 0);
    },
  },
  Q8_0: {
    ...small,
    bytes: 34,
    bits: 8,
    unpack(bytes, at, { codes, scales }, to) {
      scales[to / 32] = half(bytes, at);
      for (let j = 0; j < 32; j++) codes[to + j] = bytes.getInt8(at + 2 + j);
    },
  },
  IQ4_NL: {
    ...small,
    bytes: 18,
    bits: 8,
    unpack(bytes, at, { codes, scales }, to) {
      scales[to / 32] = half(bytes, at);
      nibbles(bytes, at + 2, codes, to, (q) => IQ4_CODES[q]!);
    },
  },
  IQ4_XS: {
    ...large,
    bytes: 136,
    bits: 8,
    unpack(bytes, at, { codes, scales }, to) {
      const d = half(bytes, at);
      const highBits = bytes.getUint16(at + 2, true);
      for (let j = 0; j < 8; j++) {
        const low = (bytes.getUint8(at + 4 + (j >> 1)) >> (4 * (j & 1))) & 15;
        scales[to / 32 + j] = d * ((low | (((highBits >> (2 * j)) & 3) << 4)) - 32);
        nibbles(bytes, at + 8 + 16 * j, codes, to + 32 * j, (q) => IQ4_CODES[q]!);
      }
    },
  },
  Q4_K: {
    ...large,
    bytes: 144,
    bits: 4,
    centre: 8,
    hasMinima: true,
    unpack(bytes, at, { codes, scales, minima }, to) {
      const [d, dmin] = [half(bytes, at), half(bytes, at + 2)];
      for (let j = 0; j < 8; j++) {
        const [scale, minimum] = sixBits(bytes, at + 4, j);
        scales[to / 32 + j] = d * scale;
        minima![to / 32 + j] = dmin * minimum;
        const [from, shift] = [at + 16 + 32 * (j >> 1), 4 * (j & 1)];
        for (let k = 0; k < 32; k++) codes[to + 32 * j + k] = (bytes.getUint8(from + k) >> shift) & 15;
      }
    },
  },
  Q5_K: {
    ...large,
    bytes: 176,
    bits: 8,
    centre: 16,
    hasMinima: true,
    unpack(bytes, at, { codes, scales, minima }, to) {
      const [d, dmin] = [half(bytes, at), half(bytes, at + 2)];
      for (let j = 0; j < 8; j++) {
        const [scale, minimum] = sixBits(bytes, at + 4, j);
        scales[to / 32 + j] = d * scale;
        minima![to / 32 + j] = dmin * minimum;
        const [from, shift] = [at + 48 + 32 * (j >> 1), 4 * (j & 1)];
        for (let k = 0; k < 32; k++) {
          const fifth = (bytes.getUint8(at + 16 + k) >> j) & 1;
          codes[to + 32 * j + k] = ((bytes.getUint8(from + k) >> shift) & 15) | (fifth << 4);
        }
      }
    },
  },
  Q6_K: {
    ...large,
    bytes: 210,
    group: 16,
    bits: 8,
    unpack(bytes, at, { codes, scales }, to) {
      const d = half(bytes, at + 208);
      for (let j = 0; j < 16; j++) scales[to / 16 + j] = d * bytes.getInt8(at + 192 + j);
      for (let i = 0; i < 256; i++) {
        const [part, group, k] = [i >> 7, (i >> 5) & 3, i & 31]; // halves of 128, groups of 32
        const low = bytes.getUint8(at + 64 * part + 32 * (group & 1) + k) >> (4 * (group >> 1));
        const high = bytes.getUint8(at + 128 + 32 * part + k) >> (2 * group);
        codes[to + i] = ((low & 15) | ((high & 3) << 4)) - 32;
      }
    },
  },
  Q3_K: {
    ...large,
    bytes: 110,
    group: 16,
    bits: 4,
    unpack(bytes, at, { codes, scales }, to) {
      const d = half(bytes, at + 108);
      for (let j = 0; j < 16; j++) {
        const low = (bytes.getUint8(at + 96 + (j & 7)) >> (4 * (j >> 3))) & 15;
        const high = (bytes.getUint8(at + 104 + (j & 3)) >> (2 * (j >> 2))) & 3;
        scales[to / 16 + j] = d * ((low | (high << 4)) - 32);
      }
      for (let i = 0; i < 256; i++) {
        const [part, group, k] = [i >> 7, (i >> 5) & 3, i & 31];
        const low = (bytes.getUint8(at + 32 + 32 * part + k) >> (2 * group)) & 3;
        const high = (bytes.getUint8(at + k) >> (4 * part + group)) & 1;
        codes[to + i] = (low | (high << 2)) - 4;
      }
    },
  },
  Q2_K: {
    ...large,
    bytes: 84,
    group: 16,
    bits: 2,
    centre: 2,
    hasMinima: true,
    unpack(bytes, at, { codes, scales, minima }, to) {
      const [d, dmin] = [half(bytes, at + 80), half(bytes, at + 82)];
      for (let j = 0; j < 16; j++) {
        const byte = bytes.getUint8(at + j);
        scales[to / 16 + j] = d * (byte & 15);
        minima![to / 16 + j] = dmin * (byte >> 4);
      }
      for (let i = 0; i < 256; i++) {
        const [part, group, k] = [i >> 7, (i >> 5) & 3, i & 31];
        codes[to + i] = (bytes.getUint8(at + 16 + 32 * part + k) >> (2 * group)) & 3;
      }
    },
  },
};

/** Decodes consecutive blocks into codes. */
export function unpackBlocks(type: BlockType, bytes: Uint8Array): Codes {
  const blocks = bytes.length / type.bytes;
  const groups = (blocks * type.elements) / type.group;
  const out: Codes = {
    codes: new Int8Array(blocks * type.elements),
    scales: new Float32Array(groups),
    minima: type.hasMinima ? new Float32Array(groups) : undefined,
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < blocks; i++) type.unpack(view, i * type.bytes, out, i * type.elements);
  return out;
}

/** Decodes consecutive blocks into weights. */
export function decodeBlocks(type: BlockType, bytes: Uint8Array): Float32Array {
  const { codes, scales, minima } = unpackBlocks(type, bytes);
  const values = new Float32Array(codes.length);
  for (let group = 0, i = 0; group < scales.length; group++) {
    const scale = scales[group]!;
    const end = i + type.group;
    if (minima) for (const minimum = minima[group]!; i < end; i++) values[i] = scale * codes[i]! - minimum;
    else for (; i < end; i++) values[i] = scale * codes[i]!;
  }
  return values;
}
