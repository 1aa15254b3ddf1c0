import type { GrayImage, RgbImage } from "../picture.ts";
import { gaussianBlur } from "./gaussian.ts";

/** How much darker than its surroundings a pixel must be to become a line. */
const THRESHOLD = 32;

/**
 * Thick white strokes on black where the picture is darker than its surroundings: a difference of Gaussians.
 * Source: Winnemöller et al., "XDoG" (2012), as sd-webui-controlnet's `scribble_xdog` uses it.
 */
export function scribble({ width, height, pixels }: RgbImage): GrayImage {
  const picture = { width, height, channels: 3, values: Float32Array.from(pixels) };
  const fine = gaussianBlur(picture, 0.5).values;
  const coarse = gaussianBlur(picture, 5).values;
  const strokes = Uint8Array.from({ length: width * height }, (_, i) => {
    const darker = Math.min(...[0, 1, 2].map((c) => coarse[3 * i + c]! - fine[3 * i + c]!));
    const inverse = Math.trunc(Math.min(255, Math.max(0, 255 - darker)));
    return 2 * (255 - inverse) > THRESHOLD ? 255 : 0;
  });
  return { width, height, pixels: strokes };
}
