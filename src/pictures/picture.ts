/** An 8-bit sRGB picture, rows top to bottom. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  /** [height, width, 3] */
  readonly pixels: Uint8Array;
}

/** An 8-bit grey picture (a mask: white is edited, black is kept), rows top to bottom. */
export interface GrayImage {
  readonly width: number;
  readonly height: number;
  /** [height, width] */
  readonly pixels: Uint8Array;
}

/** A decoded file. */
export interface DecodedImage extends RgbImage {
  /**
   * Opacity, [height, width], 0 clear … 255 solid; absent when the file has none. `pixels` are the colours as stored
   * (not premultiplied), so leaving alpha out equals PIL's `convert("RGB")`.
   */
  readonly alpha?: Uint8Array;
  readonly format: ReadableFormat;
}

/** The formats that Inkstone writes, by the API's names. */
export const imageFormats = ["JPG", "PNG", "WEBP"] as const;
export type ImageFormat = (typeof imageFormats)[number];

/** The formats that Inkstone reads: what sharp's prebuilt binary decodes. HEIC is not among them: its decoder is not free to ship. */
export const readableFormats = [...imageFormats, "AVIF", "GIF", "TIFF"] as const;
export type ReadableFormat = (typeof readableFormats)[number];

/** What Inkstone writes: pictures, and drawings of shapes. */
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

/** Media type for `Content-Type` headers and data URIs. */
export function contentTypeOf(format: ReadableFormat | WrittenFormat): string {
  return types[format].contentType;
}

/** The format a file name or a user's word stands for (`a.jpeg`, `jpg`, `PNG`), or undefined when it names none. */
export function formatFromName(name: string): WrittenFormat | undefined {
  const word = name.slice(name.lastIndexOf(".") + 1).toUpperCase();
  const format = word === "JPEG" ? "JPG" : word;
  return writtenFormats.find((known) => known === format);
}

/** Brightness of a picture by the weights of ITU-R 601, rounded as PIL's `convert("L")` does. */
export function grayOf({ width, height, pixels }: RgbImage): GrayImage {
  const gray = new Uint8Array(width * height);
  for (let i = 0; i < gray.length; i++) {
    gray[i] = (pixels[i * 3]! * 19595 + pixels[i * 3 + 1]! * 38470 + pixels[i * 3 + 2]! * 7471 + 0x8000) >> 16;
  }
  return { width, height, pixels: gray };
}

/** A picture without its transparency: as on a white page. */
export function onWhite({ width, height, pixels, alpha }: RgbImage & { readonly alpha?: Uint8Array }): RgbImage {
  if (!alpha) return { width, height, pixels };
  const shown = pixels.map((value, i) => Math.round(255 + ((value - 255) * alpha[Math.floor(i / 3)]!) / 255));
  return { width, height, pixels: shown };
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The largest size of the same aspect within the bounds, at least one pixel a side and never larger than the picture. */
export function fitInside({ width, height }: Size, bounds: Size): Size {
  const scale = Math.min(1, bounds.width / width, bounds.height / height);
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
