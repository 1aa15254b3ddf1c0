/** An 8-bit sRGB image, rows from top to bottom. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  /** [height, width, 3] */
  readonly pixels: Uint8Array;
}

/** An 8-bit grey image, rows from top to bottom. As a mask: white changes, black stays. */
export interface GrayImage {
  readonly width: number;
  readonly height: number;
  /** [height, width] */
  readonly pixels: Uint8Array;
}

/** A decoded file. */
export interface DecodedImage extends RgbImage {
  /**
   * Opacity, [height, width], 0 transparent … 255 opaque; absent when the file has none. `pixels` are the stored colours, not multiplied
   * by alpha, so ignoring alpha equals `convert("RGB")` of PIL.
   */
  readonly alpha?: Uint8Array;
  readonly format: ReadableFormat;
}

/** Formats that Inkstone writes, by their names in the API. */
export const imageFormats = ["JPG", "PNG", "WEBP"] as const;
export type ImageFormat = (typeof imageFormats)[number];

/** Formats that Inkstone reads: those that sharp's prebuilt binary decodes. HEIC is missing because its decoder is not free to distribute. */
export const readableFormats = [...imageFormats, "AVIF", "GIF", "TIFF"] as const;
export type ReadableFormat = (typeof readableFormats)[number];

/** Formats of results: images, and SVG for traced shapes. */
export const writtenFormats = [...imageFormats, "SVG"] as const;
export type WrittenFormat = (typeof writtenFormats)[number];

const types = {
  JPG: { extension: "jpg", contentType: "image/jpeg" },
  PNG: { extension: "png", contentType: "image/png" },
  WEBP: { extension: "webp", contentType: "image/webp" },
  AVIF: { extension: "avif", contentType: "image/avif" },
  GIF: { extension: "gif", contentType: "image/gif" },
  TIFF: { extension: "tiff", contentType: "image/tiff" },
  SVG: { extension: "svg", contentType: "image/svg+xml" },
} as const satisfies Record<ReadableFormat | WrittenFormat, { extension: string; contentType: string }>;

/** File extension without the dot, such as `jpg`. */
export function extensionOf(format: ReadableFormat | WrittenFormat): string {
  return types[format].extension;
}

/** Media type for `Content-Type` headers and data URIs, such as `image/jpeg`. */
export function contentTypeOf(format: ReadableFormat | WrittenFormat): string {
  return types[format].contentType;
}

/** The format that a file name or a word means (`a.jpeg`, `jpg`, `PNG`); undefined for any other. */
export function formatFromName(name: string): WrittenFormat | undefined {
  const word = name.slice(name.lastIndexOf(".") + 1).toUpperCase();
  const format = word === "JPEG" ? "JPG" : word;
  return writtenFormats.find((known) => known === format);
}

/** Brightness of an image, weighted by ITU-R 601 and rounded as `convert("L")` of PIL does. */
export function grayOf({ width, height, pixels }: RgbImage): GrayImage {
  const gray = new Uint8Array(width * height);
  for (let i = 0; i < gray.length; i++) {
    gray[i] = (pixels[i * 3]! * 19595 + pixels[i * 3 + 1]! * 38470 + pixels[i * 3 + 2]! * 7471 + 0x8000) >> 16;
  }
  return { width, height, pixels: gray };
}

/** Blends an image with white and removes its transparency. */
export function onWhite({ width, height, pixels, alpha }: RgbImage & { readonly alpha?: Uint8Array }): RgbImage {
  if (!alpha) return { width, height, pixels };
  const shown = pixels.map((value, i) => Math.round(255 + ((value - 255) * alpha[Math.floor(i / 3)]!) / 255));
  return { width, height, pixels: shown };
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The largest size with the same aspect ratio within the bounds: at least one pixel a side, at most the size of the image. */
export function fitInside({ width, height }: Size, bounds: Size): Size {
  const scale = Math.min(1, bounds.width / width, bounds.height / height);
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
