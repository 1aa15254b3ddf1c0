/**
 * The packed form of a file: without loss, and smaller than any general compressor makes it. README.md describes it.
 *
 * A file is cut into sections of numbers of one width; a plane holds the i-th bytes of all numbers of a section, and each plane is
 * one Brotli stream. Plain JavaScript that Node 20 runs: `npm ci --omit=dev` unpacks with whatever Node there is.
 *
 * @typedef {{ width: 1 | 2 | 4, count: number, streams: number[] }} Section count: numbers; streams: bytes of each plane's stream
 */
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";

/** Bytes of a number, by its type in safetensors. All others are packed as bytes. */
const WIDTHS = { F32: 4, BF16: 2, F16: 2 };

/**
 * @param {Buffer} file
 * @param {boolean} isSafetensors sections follow its tensors; any other file is one section of bytes
 * @returns {{ packed: Buffer, sections: Section[] }}
 */
export function pack(file, isSafetensors) {
  /** @type {Buffer[]} */
  const streams = [];
  const sections = (isSafetensors ? tensorSections(file) : [{ width: /** @type {const} */ (1), bytes: file }]).map(
    ({ width, bytes }) => {
      const own = planesOf(bytes, width).map((plane, i) => compress(plane, i === 0 ? 11 : 5));
      streams.push(...own);
      return { width, count: bytes.length / width, streams: own.map((stream) => stream.length) };
    },
  );
  return { packed: Buffer.concat(streams), sections };
}

/**
 * @param {Buffer} packed
 * @param {Section[]} sections
 * @returns {Buffer} the file
 */
export function unpack(packed, sections) {
  let at = 0;
  const parts = sections.map(({ width, count, streams }) => {
    const planes = streams.map((length) => {
      const plane = brotliDecompressSync(packed.subarray(at, at + length), { maxOutputLength: Math.max(1, count) });
      at += length;
      return plane;
    });
    return numbersOf(planes, width, count);
  });
  return Buffer.concat(parts);
}

/**
 * The header, then runs of tensors of one width, in the order of the file.
 * @param {Buffer} file
 * @returns {{ width: 1 | 2 | 4, bytes: Buffer }[]}
 */
function tensorSections(file) {
  const start = 8 + Number(file.readBigUInt64LE(0));
  const { __metadata__, ...tensors } = JSON.parse(file.toString("utf8", 8, start));
  const inOrder = Object.values(tensors).sort((a, b) => a.data_offsets[0] - b.data_offsets[0]);
  const runs = [{ width: /** @type {1 | 2 | 4} */ (1), from: 0, to: start }];
  for (const { dtype, data_offsets } of inOrder) {
    const width = WIDTHS[dtype] ?? 1;
    const last = runs.at(-1);
    const [from, to] = [start + data_offsets[0], start + data_offsets[1]];
    if (from !== last.to) throw new Error("the tensors leave gaps or overlap: pack it as bytes");
    if (last.width === width) last.to = to;
    else runs.push({ width, from, to });
  }
  if (runs.at(-1).to !== file.length) throw new Error("there are bytes after the last tensor: pack it as bytes");
  return runs.map(({ width, from, to }) => ({ width, bytes: file.subarray(from, to) }));
}

/**
 * Planes from the highest byte to the lowest, of numbers turned left by one bit: that makes the exponent of BF16 and F32 a whole
 * byte, which has little information, and puts the sign, which has much, with the lowest bits.
 * @param {Buffer} bytes little-endian numbers
 * @param {1 | 2 | 4} width
 */
function planesOf(bytes, width) {
  if (width === 1) return [bytes];
  const count = bytes.length / width;
  const planes = Array.from({ length: width }, () => Buffer.alloc(count));
  for (let i = 0; i < count; i++) {
    let carry = bytes[width * i + width - 1] >> 7;
    for (let byte = 0; byte < width; byte++) {
      const value = (bytes[width * i + byte] << 1) | carry;
      planes[width - 1 - byte][i] = value;
      carry = value >> 8;
    }
  }
  return planes;
}

/**
 * The opposite of `planesOf`.
 * @param {Buffer[]} planes
 * @param {1 | 2 | 4} width
 * @param {number} count
 */
function numbersOf(planes, width, count) {
  if (width === 1) return planes[0];
  const bytes = Buffer.alloc(width * count);
  for (let i = 0; i < count; i++) {
    let carry = planes[width - 1][i] & 1;
    for (let byte = width - 1; byte >= 0; byte--) {
      const value = planes[width - 1 - byte][i];
      bytes[width * i + byte] = (carry << 7) | (value >> 1);
      carry = value & 1;
    }
  }
  return bytes;
}

/**
 * @param {Buffer} plane
 * @param {number} quality 11 models the context of a byte, which pays for exponents only and is slow
 */
function compress(plane, quality) {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_LGWIN, BROTLI_PARAM_SIZE_HINT } = constants;
  const params = { [BROTLI_PARAM_QUALITY]: quality, [BROTLI_PARAM_LGWIN]: 24, [BROTLI_PARAM_SIZE_HINT]: plane.length };
  return brotliCompressSync(plane, { params });
}
