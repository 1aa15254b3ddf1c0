import type { GrayImage } from "../../pictures/index.ts";
import { type Box, clip } from "./face.ts";

export interface MaskShape {
  /** Whole pixels added on each side of the face. */
  readonly maskPadding: number;
  /** Whole pixels around that over which the mask fades out. */
  readonly maskBlur: number;
}

/**
 * The mask of one face: white over the box and `maskPadding` around it, fading to black over the next `maskBlur` pixels. Further out
 * it is black. Cut off at the picture's border, without fading there.
 * @returns undefined when no pixel of the box lies inside the picture
 */
export function faceMask(
  box: Box,
  { maskPadding, maskBlur }: MaskShape,
  picture: { width: number; height: number },
): GrayImage | undefined {
  const inside = clip(box, picture);
  if (!inside) return undefined;
  const { width, height } = picture;
  const left = Math.floor(inside.left) - maskPadding;
  const top = Math.floor(inside.top) - maskPadding;
  const right = Math.ceil(inside.left + inside.width) + maskPadding; // the first pixel beyond
  const bottom = Math.ceil(inside.top + inside.height) + maskPadding;
  const pixels = new Uint8Array(width * height);
  for (let y = Math.max(0, top - maskBlur); y < Math.min(height, bottom + maskBlur); y++) {
    const dy = distance(y, top, bottom);
    for (let x = Math.max(0, left - maskBlur); x < Math.min(width, right + maskBlur); x++) {
      pixels[y * width + x] = fading(Math.hypot(distance(x, left, right), dy), maskBlur);
    }
  }
  return { width, height, pixels };
}

/** Pixels from a position to the span [from, to). */
function distance(position: number, from: number, to: number): number {
  return Math.max(from - position, 0, position - (to - 1));
}

/** 255 at distance 0, falling smoothly to 0 one pixel beyond the blur. */
function fading(distance: number, blur: number): number {
  const t = Math.min(1, distance / (blur + 1));
  return Math.round(255 * (1 - t * t * (3 - 2 * t)));
}
