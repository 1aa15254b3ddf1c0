/**
 * The parameters as text, in the form of A1111's web UI, which ComfyUI, Civitai and most viewers read. PNG keeps it in a text chunk named
 * `parameters`, JPEG and WEBP in EXIF's UserComment. It serves other programs: `readMetadata` reads the XMP only.
 */

import { crc32 } from "node:zlib";
import type { PictureMetadata } from "./metadata.ts";
import type { ImageFormat } from "./picture.ts";

/** Adds the text to a file of `encodeImage` with XMP. A JPEG does not change if the text exceeds one segment. */
export function addReaderText(bytes: Uint8Array, format: ImageFormat, metadata: PictureMetadata): Uint8Array {
  const text = readerText(metadata);
  if (format === "PNG") return intoPng(bytes, text);
  const exif = userComment(text);
  return format === "JPG" ? intoJpeg(bytes, exif) : intoWebp(bytes, exif);
}

/** Prompt, negative prompt, and one line of parameters. */
export function readerText({ software, parameters }: PictureMetadata): string {
  const { positivePrompt, negativePrompt, width, height } = parameters;
  const settings: [string, unknown][] = [
    ["Steps", parameters.steps],
    ["Sampler", parameters.scheduler],
    ["CFG scale", parameters.CFGScale],
    ["Seed", parameters.seed],
    ["Size", width === undefined || height === undefined ? undefined : `${width}x${height}`],
    ["Model", parameters.model],
    ["Version", software],
  ];
  const line = settings.filter(([, value]) => value !== undefined).map(([name, value]) => `${name}: ${value}`);
  const negative = negativePrompt === undefined ? [] : [`Negative prompt: ${negativePrompt}`];
  return [`${positivePrompt ?? ""}`, ...negative, line.join(", ")].join("\n").toWellFormed();
}

/** Inserts an `iTXt` chunk (UTF-8, uncompressed) after the header chunk. */
function intoPng(png: Uint8Array, text: string): Uint8Array {
  const typed = Buffer.from(`iTXtparameters\0\0\0\0\0${text.replaceAll("\0", " ")}`, "utf8");
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(typed.length - 4);
  checksum.writeUInt32BE(crc32(typed));
  const behindHeader = 8 + 4 + 4 + 13 + 4;
  return Buffer.concat([png.subarray(0, behindHeader), length, typed, checksum, png.subarray(behindHeader)]);
}

/** Inserts an EXIF segment, which must come first and holds at most 64 KiB. */
function intoJpeg(jpeg: Uint8Array, exif: Buffer): Uint8Array {
  const body = Buffer.concat([Buffer.from("Exif\0\0", "latin1"), exif]);
  if (body.length + 2 > 0xffff) return jpeg;
  const head = Buffer.from([0xff, 0xe1, 0, 0]);
  head.writeUInt16BE(body.length + 2, 2);
  return Buffer.concat([jpeg.subarray(0, 2), head, body, jpeg.subarray(2)]);
}

/** Inserts an `EXIF` chunk before the `XMP ` chunk, and sets its flag in the `VP8X` header (WebP container specification, 2.7). */
function intoWebp(webp: Uint8Array, exif: Buffer): Uint8Array {
  const file = Buffer.from(webp);
  const xmp = chunkPosition(file, "XMP ");
  if (xmp === undefined || file.toString("latin1", 12, 16) !== "VP8X") return webp;
  const padding = Buffer.alloc(exif.length % 2);
  const head = Buffer.from("EXIF\0\0\0\0", "latin1");
  head.writeUInt32LE(exif.length, 4);
  const whole = Buffer.concat([file.subarray(0, xmp), head, exif, padding, file.subarray(xmp)]);
  whole[20]! |= 0x08;
  whole.writeUInt32LE(whole.length - 8, 4);
  return whole;
}

function chunkPosition(webp: Buffer, name: string): number | undefined {
  for (let at = 12; at + 8 <= webp.length; ) {
    if (webp.toString("latin1", at, at + 4) === name) return at;
    const length = webp.readUInt32LE(at + 4);
    at += 8 + length + (length % 2);
  }
  return undefined;
}

/** A TIFF structure of two directories that contain only the comment, in UTF-16. */
function userComment(text: string): Buffer {
  const comment = Buffer.concat([Buffer.from("UNICODE\0", "latin1"), Buffer.from(text, "utf16le").swap16()]);
  const entry = (tag: number, type: number, count: number, value: number) => {
    const directory = Buffer.alloc(2 + 12 + 4); // one entry, no further directory
    directory.writeUInt16BE(1, 0);
    directory.writeUInt16BE(tag, 2);
    directory.writeUInt16BE(type, 4);
    directory.writeUInt32BE(count, 6);
    directory.writeUInt32BE(value, 10);
    return directory;
  };
  const [long, undefinedBytes] = [4, 7];
  const exifDirectory = 8 + 18;
  return Buffer.concat([
    Buffer.from("MM\0*\0\0\0\x08", "latin1"),
    entry(0x8769, long, 1, exifDirectory),
    entry(0x9286, undefinedBytes, comment.length, exifDirectory + 18),
    comment,
  ]);
}
