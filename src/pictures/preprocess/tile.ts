import type { RgbImage } from "../picture.ts";
import { gaussianBlur } from "./gaussian.ts";

/** Detail finer than this, in pixels, is left to the model. */
const SIGMA = 4;

/** The picture without its fine detail, for nets that put detail back (`tile_gaussian`). */
export function tile({ width, height, pixels }: RgbImage): RgbImage {
  const { values } = gaussianBlur({ width, height, channels: 3, values: Float32Array.from(pixels) }, SIGMA);
  return { width, height, pixels: Uint8Array.from(values, (v) => Math.min(255, Math.max(0, Math.round(v)))) };
}
