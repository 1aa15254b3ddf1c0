/** Bytes to pixels and back. The only file that imports sharp (libvips). */

import { fileURLToPath } from "node:url";
import type { Sharp } from "sharp";
import { ImageError } from "./errors.ts";
import { addExtendedXmp, mainPacketLimit, readExtendedXmp } from "./jpeg-extended-xmp.ts";
import { formatMetadata, type PictureMetadata, parseMetadata } from "./metadata.ts";
import {
  type DecodedImage,
  type GrayImage,
  type ImageFormat,
  imageFormats,
  type ReadableFormat,
  type RgbImage,
} from "./picture.ts";
import { addReaderText } from "./reader-text.ts";
import { sniff } from "./sniff.ts";

/** sharp, loaded and set up for the first image. Help texts and many commands never need it. */
let loading: Promise<typeof import("sharp").default> | undefined;

function loadSharp() {
  loading ??= import("sharp").then(({ default: sharp }) => {
    // Each image is decoded once, so the cache of libvips would only hold memory. Loaders that Inkstone does not use are blocked.
    sharp.cache(false);
    sharp.block({ operation: ["VipsForeignLoad"] });
    sharp.unblock({
      operation: [
        "VipsForeignLoadPngBuffer",
        "VipsForeignLoadJpegBuffer",
        "VipsForeignLoadWebpBuffer",
        "VipsForeignLoadHeifBuffer",
        "VipsForeignLoadNsgifBuffer",
        "VipsForeignLoadTiffBuffer",
      ],
    });
    return sharp;
  });
  return loading;
}

/** Default limit for decoding, in pixels: 50 megapixels, 150 MB as RGB. */
export const defaultMaxPixels = 50_000_000;

const decodeSeconds = 30;

/** Limits of decoding. */
export interface DecodeOptions {
  /** Most pixels (width × height). The header is checked before anything is decoded. Default: `defaultMaxPixels`. */
  readonly maxPixels?: number;
  /** Shrink, and keep the aspect ratio, until no side is longer than this, in pixels. Never enlarges. Default: no change. */
  readonly maxSide?: number;
}

/** Properties of a file, read without decoding its pixels. */
export interface ImageHeader {
  readonly format: ReadableFormat;
  /** Size in pixels, after the EXIF orientation is applied. */
  readonly width: number;
  readonly height: number;
  readonly hasAlpha: boolean;
}

/**
 * Decodes a PNG, JPEG, WEBP, AVIF, GIF or TIFF file to 8-bit sRGB, with EXIF orientation applied and alpha separate. CMYK, 16-bit, grey
 * and palette images and embedded colour profiles are converted. Of an animation or several pages it decodes the first.
 * @throws ImageError `empty`, `unsupportedFormat`, `damaged` or `tooManyPixels`
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<DecodedImage> {
  const { format } = await readHeader(bytes, options);
  const maxPixels = options.maxPixels ?? defaultMaxPixels;
  const side = options.maxSide;
  let pipeline = (await open(bytes, maxPixels)).timeout({ seconds: decodeSeconds }).autoOrient().toColourspace("srgb");
  if (side !== undefined) {
    pipeline = pipeline.resize(side, side, { fit: "inside", kernel: "lanczos3", withoutEnlargement: true });
  }
  const { data, info } = await pipeline
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true })
    .catch((cause) => refuse(format, cause));
  const { width, height } = info;
  if (info.channels === 3) return { width, height, pixels: data, format };
  if (info.channels !== 4) throw new ImageError("damaged", `the ${format} image has ${info.channels} channels`);
  return { width, height, ...splitAlpha(data), format };
}

/**
 * Reads format and size from the header of a file. It refuses what `decodeImage` refuses, except damage after the header.
 * @throws ImageError `empty`, `unsupportedFormat`, `damaged` or `tooManyPixels`
 */
export async function readHeader(bytes: Uint8Array, options: DecodeOptions = {}): Promise<ImageHeader> {
  const format = requireSupported(bytes);
  const header = await (await open(bytes, false)).metadata().catch((cause) => refuse(format, cause));
  const { width, height } = header.autoOrient;
  const maxPixels = options.maxPixels ?? defaultMaxPixels;
  if (width * height > maxPixels) {
    throw new ImageError(
      "tooManyPixels",
      `the image has ${width}×${height} pixels; at most ${maxPixels} in total are allowed`,
    );
  }
  return { format, width, height, hasAlpha: header.hasAlpha };
}

/** Format, quality and metadata of an encoded image. */
export interface EncodeOptions {
  readonly format: ImageFormat;
  /** 20 … 99, for JPG and WEBP; PNG is always lossless. Default: 95. */
  readonly quality?: number;
  /** Written into the file: exactly for `readMetadata`, and as text for other programs. */
  readonly metadata?: PictureMetadata;
}

/**
 * Encodes an image. The same image and options give the same bytes. JPG keeps full colour resolution (4:4:4), so lettering stays sharp.
 * @throws ImageError `invalidFormat`, `invalidQuality`, `invalidSize` or `invalidMetadata`
 */
export async function encodeImage(image: RgbImage, options: EncodeOptions): Promise<Uint8Array> {
  const { format, quality = 95 } = options;
  if (!imageFormats.includes(format)) {
    throw new ImageError("invalidFormat", `format is ${format}; allowed are ${imageFormats.join(", ")}`);
  }
  if (!Number.isInteger(quality) || quality < 20 || quality > 99) {
    throw new ImageError("invalidQuality", `quality is ${quality}; allowed is an integer from 20 to 99`);
  }
  const packet = options.metadata && formatMetadata(options.metadata);
  const extended = packet !== undefined && format === "JPG" && Buffer.byteLength(packet) > mainPacketLimit;
  const encoded = asFormat(await fromRaw(image, 3), format, quality);
  const bytes = await (packet === undefined || extended ? encoded : encoded.withXmp(packet)).toBuffer();
  if (!options.metadata) return bytes;
  return addReaderText(extended ? addExtendedXmp(bytes, packet) : bytes, format, options.metadata);
}

/**
 * The metadata that `encodeImage` wrote into a file; undefined when the file has none.
 * @throws ImageError as `readHeader` does, for images of any size; `invalidMetadata` when the metadata is damaged
 */
export async function readMetadata(bytes: Uint8Array): Promise<PictureMetadata | undefined> {
  const format = requireSupported(bytes);
  const { xmp } = await (await open(bytes, false)).metadata().catch((cause) => refuse(format, cause));
  const packet = (format === "JPG" ? readExtendedXmp(bytes) : undefined) ?? xmp;
  return packet && parseMetadata(Buffer.from(packet).toString("utf8"));
}

/** Noto Sans SemiBold, under a name that no installed font has. */
const FONT = { family: "Inkstone Mark", file: fileURLToPath(new URL("../../assets/watermark.ttf", import.meta.url)) };

/**
 * Renders a text as a mask: 255 where the ink is, cropped to its letters. It uses the font of Inkstone. Letters that the font lacks
 * come from the fonts of the machine.
 * @param size of the letters, in pixels
 * @throws ImageError `noText` when no part of the text is visible
 */
export async function textMask(text: string, size: number): Promise<GrayImage> {
  const markup = text.replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]!);
  const sharp = await loadSharp();
  const { data, info } = await sharp({
    text: { text: markup, font: `${FONT.family} ${size}`, fontfile: FONT.file, dpi: 72 },
  })
    .extractChannel(0)
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch((cause) => {
      throw new ImageError("noText", "no part of the text is visible", { cause });
    });
  return { width: info.width, height: info.height, pixels: data };
}

export type Fit = "fill" | "cover";

/**
 * Resamples with a Lanczos-3 kernel to exactly `width` × `height` pixels, 1 … 16384 each.
 * `fill` stretches; `cover` keeps the aspect ratio and crops both sides equally.
 * @throws ImageError `invalidSize`
 */
export async function resizeImage(
  image: RgbImage,
  width: number,
  height: number,
  fit: Fit = "fill",
): Promise<RgbImage> {
  return resize(image, 3, { width, height, fit });
}

/**
 * `resizeImage` for masks, with a linear kernel: the overshoot of Lanczos would open areas that the mask keeps closed.
 * @throws ImageError `invalidSize`
 */
export async function resizeGray(
  mask: GrayImage,
  width: number,
  height: number,
  fit: Fit = "fill",
): Promise<GrayImage> {
  return resize(mask, 1, { width, height, fit });
}

async function resize(image: RgbImage | GrayImage, channels: 1 | 3, to: { width: number; height: number; fit: Fit }) {
  const { width, height, fit } = to;
  for (const side of [width, height]) {
    if (!Number.isInteger(side) || side < 1 || side > 16384) {
      throw new ImageError("invalidSize", `size is ${width}×${height}; allowed are integers from 1 to 16384`);
    }
  }
  if (image.width === width && image.height === height) return image;
  const pixels = await (await fromRaw(image, channels))
    .resize(width, height, { fit, kernel: channels === 1 ? "linear" : "lanczos3" })
    .toColourspace(channels === 1 ? "b-w" : "srgb")
    .raw()
    .toBuffer();
  return { width, height, pixels };
}

async function open(bytes: Uint8Array, limitInputPixels: number | false): Promise<Sharp> {
  const sharp = await loadSharp();
  return sharp(bytes, { failOn: "error", limitInputPixels, animated: false });
}

async function fromRaw({ width, height, pixels }: RgbImage | GrayImage, channels: 1 | 3): Promise<Sharp> {
  const expected = width * height * channels;
  if (width < 1 || height < 1 || pixels.length !== expected) {
    throw new ImageError(
      "invalidSize",
      `a ${width}×${height} image needs ${expected} bytes; ${pixels.length} were given`,
    );
  }
  const sharp = await loadSharp();
  return sharp(pixels, { raw: { width, height, channels }, limitInputPixels: false }); // the limit applied when they were decoded
}

function asFormat(image: Sharp, format: ImageFormat, quality: number): Sharp {
  if (format === "PNG") return image.png({ compressionLevel: 6, adaptiveFiltering: true });
  if (format === "JPG") return image.jpeg({ quality, chromaSubsampling: "4:4:4" });
  return image.webp({ quality, smartSubsample: true });
}

function requireSupported(bytes: Uint8Array): ReadableFormat {
  if (bytes.length === 0) throw new ImageError("empty", "the image is empty (0 bytes)");
  const sniffed = sniff(bytes);
  if (sniffed.supported) return sniffed.format;
  throw new ImageError(
    "unsupportedFormat",
    `the image is ${sniffed.found}; allowed are PNG, JPG, WEBP, AVIF, GIF and TIFF`,
  );
}

function refuse(format: ReadableFormat, cause: Error): never {
  const why = cause.message.split("\n", 1)[0];
  throw new ImageError("damaged", `the ${format} image is damaged or incomplete (${why})`, { cause });
}

function splitAlpha(rgba: Uint8Array): { pixels: Uint8Array; alpha: Uint8Array } {
  const count = rgba.length / 4;
  const pixels = new Uint8Array(count * 3);
  const alpha = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    pixels[i * 3] = rgba[i * 4]!;
    pixels[i * 3 + 1] = rgba[i * 4 + 1]!;
    pixels[i * 3 + 2] = rgba[i * 4 + 2]!;
    alpha[i] = rgba[i * 4 + 3]!;
  }
  return { pixels, alpha };
}
