/** Thumbnails of stored images: made on first request, stored beside the images, deleted with them. */

import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { decodeImage, encodeImage, fitInside, type RgbImage, resizeImage } from "../../pictures/index.ts";
import type { FileStore } from "./files.ts";
import { createSemaphore } from "./semaphore.ts";

/** Longer sides of thumbnails, in pixels. */
export const THUMBNAIL_SIDES = [160, 320, 640] as const;
export type ThumbnailSide = (typeof THUMBNAIL_SIDES)[number];

interface Thumbnail {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  /** Whole seconds until the image expires. */
  readonly secondsLeft: number;
}

/** Finds images. */
interface Locations {
  locate(imageUUID: string): Promise<{ readonly fileName: string; readonly secondsLeft: number } | undefined>;
}

export interface Thumbnails {
  /** A WEBP whose longer side is at most `side`; undefined if the image does not exist. */
  read(imageUUID: string, side: ThumbnailSide): Promise<Thumbnail | undefined>;
}

const QUALITY = 82;

/** The names of the thumbnails of an image. They look like names of images and cannot be guessed. */
export const thumbnailNames = (imageUUID: string): readonly string[] =>
  THUMBNAIL_SIDES.map((side) => thumbnailName(imageUUID, side));

function thumbnailName(imageUUID: string, side: number): string {
  const hex = createHash("sha256").update(`thumbnail ${side} of ${imageUUID}`).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}.webp`;
}

/**
 * Stores the thumbnails of an image that cannot be decoded: an SVG. They are made from the traced image, which looks
 * the same.
 */
export async function storeThumbnails(
  files: Pick<FileStore, "put">,
  imageUUID: string,
  picture: RgbImage,
): Promise<void> {
  for (const side of THUMBNAIL_SIDES) {
    const { width, height } = fitInside(picture, { width: side, height: side });
    const small = await resizeImage(picture, width, height);
    await files.put(thumbnailName(imageUUID, side), await encodeImage(small, { format: "WEBP", quality: QUALITY }));
  }
}

/** Thumbnails in the store of the images. The number of threads is that of the processors, less one. */
export function createThumbnails(images: Locations, files: FileStore): Thumbnails {
  const inTurn = createSemaphore(Math.max(1, availableParallelism() - 1));
  const making = new Map<string, Promise<Uint8Array | undefined>>();

  async function make(fileName: string, side: number, name: string): Promise<Uint8Array | undefined> {
    const image = await files.get(fileName);
    if (image === undefined) return undefined;
    const bytes = await encodeImage(await decodeImage(image, { maxSide: side }), { format: "WEBP", quality: QUALITY });
    await files.put(name, bytes);
    return bytes;
  }

  /** Makes a thumbnail once for all simultaneous requests. */
  function madeOnce(fileName: string, side: number, name: string): Promise<Uint8Array | undefined> {
    const known = making.get(name);
    if (known !== undefined) return known;
    const work = inTurn(() => make(fileName, side, name)).finally(() => making.delete(name));
    making.set(name, work);
    return work;
  }

  return {
    async read(imageUUID, side) {
      const image = await images.locate(imageUUID);
      if (image === undefined) return undefined;
      const name = thumbnailName(imageUUID, side);
      const bytes = (await files.get(name)) ?? (await madeOnce(image.fileName, side, name));
      return bytes && { bytes, contentType: "image/webp", secondsLeft: image.secondsLeft };
    },
  };
}
