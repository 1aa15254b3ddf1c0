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
  readonly format: ImageFormat;
}

/** The formats that Inkstone reads and writes, by the API's names. */
export const imageFormats = ["JPG", "PNG", "WEBP"] as const;
export type ImageFormat = (typeof imageFormats)[number];

const types = {
  JPG: { extension: "jpg", contentType: "image/jpeg" },
  PNG: { extension: "png", contentType: "image/png" },
  WEBP: { extension: "webp", contentType: "image/webp" },
} as const satisfies Record<ImageFormat, { extension: string; contentType: string }>;

/** File extension without the dot: `jpg`, `png` or `webp`. */
export function extensionOf(format: ImageFormat): "jpg" | "png" | "webp" {
  return types[format].extension;
}

/** Media type for `Content-Type` headers and data URIs. */
export function contentTypeOf(format: ImageFormat): "image/jpeg" | "image/png" | "image/webp" {
  return types[format].contentType;
}

/** The format a file name or a user's word stands for (`a.jpeg`, `jpg`, `PNG`), or undefined when it names none. */
export function formatFromName(name: string): ImageFormat | undefined {
  const word = name.slice(name.lastIndexOf(".") + 1).toUpperCase();
  const format = word === "JPEG" ? "JPG" : word;
  return imageFormats.find((known) => known === format);
}

/** Brightness of a picture by the weights of ITU-R 601, rounded as PIL's `convert("L")` does. */
export function grayOf({ width, height, pixels }: RgbImage): GrayImage {
  const gray = new Uint8Array(width * height);
  for (let i = 0; i < gray.length; i++) {
    gray[i] = (pixels[i * 3]! * 19595 + pixels[i * 3 + 1]! * 38470 + pixels[i * 3 + 2]! * 7471 + 0x8000) >> 16;
  }
  return { width, height, pixels: gray };
}
