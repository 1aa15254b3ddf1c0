import { ParameterError } from "../engine/index.ts";
import type { GrayImage, RgbImage } from "../pictures/index.ts";
import type { Outpaint } from "./drawing.ts";

/** An image extended on its sides: the start of the new one, and the opacity of the new one. */
export interface Extended {
  /** The old image in its place; its border pixels fill the new area. */
  readonly image: RgbImage;
  /** Opacity of the new image: 255 in the new area, falling to 0 across the blur band inside the old border. */
  readonly opacity: GrayImage;
}

/**
 * Extends an image on its sides.
 * @throws ParameterError naming `width` or `height` and its expected value, when the image plus the extensions differ from `size`
 */
export function extendPicture(source: RgbImage, sides: Outpaint, size: { width: number; height: number }): Extended {
  requireSum("width", size.width, source.width, "left", sides.left, "right", sides.right);
  requireSum("height", size.height, source.height, "top", sides.top, "bottom", sides.bottom);
  const { width, height } = size;
  const pixels = new Uint8Array(width * height * 3);
  const opacity = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const fromY = clamp(y - sides.top, source.height);
    for (let x = 0; x < width; x++) {
      const fromX = clamp(x - sides.left, source.width);
      const at = y * width + x;
      const from = (fromY * source.width + fromX) * 3;
      pixels.set(source.pixels.subarray(from, from + 3), at * 3);
      opacity[at] = opacityAt(x - sides.left, y - sides.top, source, sides);
    }
  }
  return { image: { width, height, pixels }, opacity: { width, height, pixels: opacity } };
}

/** The distance to the nearest extended border decides. A side that is not extended has no border to hide. */
function opacityAt(x: number, y: number, source: RgbImage, { top, right, bottom, left, blur }: Outpaint): number {
  const depth = Math.min(
    left > 0 ? x : Number.POSITIVE_INFINITY,
    right > 0 ? source.width - 1 - x : Number.POSITIVE_INFINITY,
    top > 0 ? y : Number.POSITIVE_INFINITY,
    bottom > 0 ? source.height - 1 - y : Number.POSITIVE_INFINITY,
  );
  if (depth < 0) return 255;
  return depth < blur ? Math.round((255 * (blur - depth)) / (blur + 1)) : 0;
}

function clamp(position: number, length: number): number {
  return Math.min(length - 1, Math.max(0, position));
}

function requireSum(name: string, given: number, old: number, a: string, first: number, b: string, second: number) {
  const expected = old + first + second;
  if (given === expected) return;
  throw new ParameterError(
    name,
    `${name} is ${given}; with outpaint it must be ${expected}: ${old} of the seed image + ${first} (${a}) + ${second} (${b})`,
  );
}
