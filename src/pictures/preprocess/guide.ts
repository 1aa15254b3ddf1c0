import { type GrayImage, grayOf, type RgbImage } from "../picture.ts";
import { canny } from "./canny.ts";
import { gaussianBlur } from "./gaussian.ts";

/** The filter that turns an image into a guide image. */
export interface GuideFilter {
  readonly kind: "canny" | "scribble" | "softedge" | "tile";
  /** Thresholds of canny, 0 … 255; low is below high. */
  readonly low: number;
  readonly high: number;
}

/** Makes a guide image of the same size: white on black, or in the image's colours for `tile`. */
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

/** Detail finer than this, in pixels, is removed: the model adds it. */
const TILE_SIGMA = 4;

/** The image without fine detail, for ControlNets that add detail (`tile_gaussian`). */
export function tile({ width, height, pixels }: RgbImage): RgbImage {
  const { values } = gaussianBlur({ width, height, channels: 3, values: Float32Array.from(pixels) }, TILE_SIGMA);
  return { width, height, pixels: Uint8Array.from(values, (v) => Math.min(255, Math.max(0, Math.round(v)))) };
}

/** A pixel becomes a line if it is darker than its surroundings by at least this value. */
const STROKE_THRESHOLD = 32;

/**
 * Thick white strokes on black where the image is darker than its surroundings: a difference of Gaussians.
 * Source: Winnemöller et al., "XDoG" (2012), as in `scribble_xdog` of sd-webui-controlnet.
 */
export function scribble({ width, height, pixels }: RgbImage): GrayImage {
  const picture = { width, height, channels: 3, values: Float32Array.from(pixels) };
  const fine = gaussianBlur(picture, 0.5).values;
  const coarse = gaussianBlur(picture, 5).values;
  const strokes = Uint8Array.from({ length: width * height }, (_, i) => {
    const darker = Math.min(...[0, 1, 2].map((c) => coarse[3 * i + c]! - fine[3 * i + c]!));
    const inverse = Math.trunc(Math.min(255, Math.max(0, 255 - darker)));
    return 2 * (255 - inverse) > STROKE_THRESHOLD ? 255 : 0;
  });
  return { width, height, pixels: strokes };
}

/** Edges finer than this, in pixels, count as texture. */
const EDGE_SIGMA = 1.5;
/** Share of pixels that may exceed white. Otherwise a few hard edges leave the others black. */
const CLIPPED = 0.01;

/**
 * Soft white edges on black: the gradient length of the blurred brightness. It is scaled so that the strongest 1 % of the pixels is
 * white. A classical substitute for neural edge detectors.
 */
export function softEdge(picture: RgbImage): GrayImage {
  const { width, height } = picture;
  const gray = { width, height, channels: 1, values: Float32Array.from(grayOf(picture).pixels) };
  const { values } = gaussianBlur(gray, EDGE_SIGMA);
  const at = (x: number, y: number) =>
    values[Math.min(height - 1, Math.max(0, y)) * width + Math.min(width - 1, Math.max(0, x))]!;
  const lengths = Float32Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return Math.hypot(at(x + 1, y) - at(x - 1, y), at(x, y + 1) - at(x, y - 1));
  });
  const white = lengths.slice().sort()[Math.floor((1 - CLIPPED) * (lengths.length - 1))]!;
  const pixels = Uint8Array.from(lengths, (l) => (white > 0 ? Math.min(255, Math.round((255 * l) / white)) : 0));
  return { width, height, pixels };
}
