/** A size in pixels. */
export interface PixelSize {
  readonly width: number;
  readonly height: number;
}

/** The sides of images for the editing models are multiples of this. */
const GRID = 32;

/**
 * The size of about `area` pixels with nearly the aspect ratio of an image; both sides are multiples of 32. Small images are enlarged.
 * Source: `calculate_dimensions` of diffusers' `QwenImageEditPipeline`.
 */
export function sizeOfArea(area: number, { width, height }: PixelSize): PixelSize {
  const aspect = width / height;
  const wide = Math.sqrt(area * aspect);
  const side = (pixels: number) => Math.max(GRID, roundHalfEven(pixels / GRID) * GRID);
  return { width: side(wide), height: side(wide / aspect) };
}

/** Limits of the area that the vision tower sees, in pixels, from `preprocessor_config.json` of Qwen-Image-Edit. */
const MIN_PIXELS = 3136;
const MAX_PIXELS = 12_845_056;

/** The largest aspect ratio that the tower can see. */
export const MAX_ASPECT = 200;

/**
 * The size at which the vision tower sees an image: multiples of `factor`, an area within the limits, and nearly the same aspect ratio.
 * Source: `smart_resize` of Qwen2-VL in transformers.
 */
export function visionSize({ width, height }: PixelSize, factor: number): PixelSize {
  const rounded = (side: number) => roundHalfEven(side / factor) * factor;
  const area = rounded(width) * rounded(height);
  if (area > MAX_PIXELS) {
    const shrink = Math.sqrt((height * width) / MAX_PIXELS);
    const side = (pixels: number) => Math.max(factor, Math.floor(pixels / shrink / factor) * factor);
    return { width: side(width), height: side(height) };
  }
  if (area < MIN_PIXELS) {
    const enlarge = Math.sqrt(MIN_PIXELS / (height * width));
    const side = (pixels: number) => Math.ceil((pixels * enlarge) / factor) * factor;
    return { width: side(width), height: side(height) };
  }
  return { width: rounded(width), height: rounded(height) };
}

/** Python's `round`: halves round to the even neighbour. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
