import type { GrayImage, RgbImage } from "../picture.ts";
import { canny } from "./canny.ts";
import { scribble } from "./scribble.ts";
import { softEdge } from "./soft-edge.ts";
import { tile } from "./tile.ts";

/** How a picture becomes a guide image. */
export interface GuideFilter {
  readonly kind: "canny" | "scribble" | "softedge" | "tile";
  /** Thresholds of canny, 0 … 255, low below high. */
  readonly low: number;
  readonly high: number;
}

/** A picture turned into a guide image of its size: white on black, but for `tile`, which keeps the colours. */
export function guideImage(picture: RgbImage, { kind, low, high }: GuideFilter): RgbImage {
  switch (kind) {
    case "canny":
      return inRgb(canny(picture, low, high));
    case "scribble":
      return inRgb(scribble(picture));
    case "softedge":
      return inRgb(softEdge(picture));
    case "tile":
      return tile(picture);
  }
}

function inRgb({ width, height, pixels }: GrayImage): RgbImage {
  return {
    width,
    height,
    pixels: Uint8Array.from({ length: 3 * pixels.length }, (_, i) => pixels[Math.floor(i / 3)]!),
  };
}
