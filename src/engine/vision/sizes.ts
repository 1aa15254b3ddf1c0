/** A size in pixels. */
export interface PixelSize {
  readonly width: number;
  readonly height: number;
}

/** Pictures that the editing models take and give have sides that are multiples of this. */
const GRID = 32;

/**
 * The size of about `area` pixels with nearly the aspect of a picture, both sides multiples of 32. Small pictures grow.
 * Source: `calculate_dimensions` of diffusers' `QwenImageEditPipeline`.
 */
export function sizeOfArea(area: number, { width, height }: PixelSize): PixelSize {
  const aspect = width / height;
  const wide = Math.sqrt(area * aspect);
  const side = (pixels: number) => Math.max(GRID, roundHalfEven(pixels / GRID) * GRID);
  return { width: side(wide), height: side(wide / aspect) };
}

/** Bounds of the area that the vision tower sees, in pixels, from `preprocessor_config.json` of Qwen-Image-Edit. */
const MIN_PIXELS = 3136;
const MAX_PIXELS = 12_845_056;

/** The narrowest pictures that the tower can see. */
export const MAX_ASPECT = 200;

/**
 * The size that the vision tower sees a picture at: multiples of `factor`, with an area in bounds, at nearly the same aspect.
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

/** Python's `round`: halves go to the even neighbour. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
