import type { GrayImage, RgbImage } from "./picture.ts";

/** A rectangle of whole pixels, completely inside its image. */
export interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Lays a new image over an old one. Where opacity is 0, the old pixels keep their value, bit for bit.
 * @param opacity of the new image, 0…255; all three have the same size
 */
export function composite(old: RgbImage, fresh: RgbImage, opacity: GrayImage): RgbImage {
  const pixels = new Uint8Array(old.pixels);
  for (let i = 0; i < opacity.pixels.length; i++) {
    const alpha = opacity.pixels[i]! / 255;
    if (alpha === 0) continue;
    for (let c = 3 * i; c < 3 * i + 3; c++) {
      pixels[c] = Math.round(old.pixels[c]! + alpha * (fresh.pixels[c]! - old.pixels[c]!));
    }
  }
  return { width: old.width, height: old.height, pixels };
}

/** Crops an image to a rectangle inside it. */
export function crop<Picture extends RgbImage | GrayImage>(picture: Picture, area: Rectangle): Picture {
  const channels = picture.pixels.length / (picture.width * picture.height);
  const pixels = new Uint8Array(area.width * area.height * channels);
  for (let y = 0; y < area.height; y++) {
    const from = ((area.top + y) * picture.width + area.left) * channels;
    pixels.set(picture.pixels.subarray(from, from + area.width * channels), y * area.width * channels);
  }
  return { ...picture, width: area.width, height: area.height, pixels };
}

/** A copy of `picture` with `patch` at (left, top). */
export function paste(picture: RgbImage, patch: RgbImage, left: number, top: number): RgbImage {
  const pixels = new Uint8Array(picture.pixels);
  for (let y = 0; y < patch.height; y++) {
    const row = patch.pixels.subarray(y * patch.width * 3, (y + 1) * patch.width * 3);
    pixels.set(row, ((top + y) * picture.width + left) * 3);
  }
  return { ...picture, pixels };
}
