/** Unusual and hostile picture files, made on the spot. */

import { crc32, deflateSync } from "node:zlib";
import sharp from "sharp";
import type { RgbImage } from "../src/pictures/index.ts";

interface Png {
  readonly width: number;
  readonly height: number;
  /** 0 grey, 2 RGB, 6 RGBA */
  readonly colourType: 0 | 2 | 6;
  readonly bitDepth?: number;
  /** Sample bytes row by row; or `data`, the compressed stream as it is, however wrong. */
  readonly rows?: readonly (readonly number[])[];
  readonly data?: Uint8Array;
}

/** A PNG file put together chunk by chunk: its header may say anything. */
export function pngFile({ width, height, colourType, bitDepth = 8, rows = [], data }: Png): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = bitDepth;
  header[9] = colourType;
  const compressed = data ?? deflateSync(Buffer.from(rows.flatMap((row) => [0, ...row])));
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    pngChunk("IHDR", header),
    pngChunk("IDAT", compressed),
    pngChunk("IEND", Buffer.alloc(0)),
  ]);
}

function pngChunk(type: string, body: Uint8Array): Buffer {
  const typed = Buffer.concat([Buffer.from(type, "latin1"), body]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(body.length, 0);
  frame.writeUInt32BE(crc32(typed), 4);
  return Buffer.concat([frame.subarray(0, 4), typed, frame.subarray(4)]);
}

/** One RGB pixel of 16 bits a channel. */
export function sixteenBitPng([red, green, blue]: readonly [number, number, number]): Buffer {
  const bytes = [red, green, blue].flatMap((v) => [v >> 8, v & 0xff]);
  return pngFile({ width: 1, height: 1, colourType: 2, bitDepth: 16, rows: [bytes] });
}

export function cmykJpeg(background: { r: number; g: number; b: number }): Promise<Buffer> {
  return plain(16, 16, background).toColourspace("cmyk").jpeg().toBuffer();
}

/** Stored `width` × `height`, to be shown turned by 90°. */
export function rotatedJpeg(width: number, height: number): Promise<Buffer> {
  return plain(width, height, { r: 9, g: 9, b: 9 }).withMetadata({ orientation: 6 }).jpeg().toBuffer();
}

/** Frames of 16×16, the first one black. */
export function animation(frames: number, format: "webp" | "gif"): Promise<Buffer> {
  const pages = Array.from({ length: frames }, (_, i) => Buffer.alloc(16 * 16 * 3, i * 60));
  const raw = { width: 16, height: 16 * frames, channels: 3 as const, pageHeight: 16 };
  return sharp(Buffer.concat(pages), { raw }).toFormat(format, { loop: 0 }).toBuffer();
}

/** A picture in a format that Inkstone reads and does not write. */
export function fileOf({ pixels, ...size }: RgbImage, format: "avif" | "gif" | "tiff"): Promise<Buffer> {
  return sharp(pixels, { raw: { ...size, channels: 3 } })
    .toFormat(format)
    .toBuffer();
}

/** What libvips finds in a file: `exif`, `xmp`, `comments`. */
export function metadataOf(bytes: Uint8Array) {
  return sharp(bytes).metadata();
}

function plain(width: number, height: number, background: { r: number; g: number; b: number }) {
  return sharp({ create: { width, height, channels: 3, background } });
}
