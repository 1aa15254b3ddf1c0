/** The size that is generated when the model has a pixel budget. */

/** Size of an image, in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** The requested and the generated size of an image. */
export interface SizePlan {
  /** The requested size, in pixels: that of the finished file. */
  readonly asked: Size;
  /** The size that the engine generates: multiples of 16, within the budget. */
  readonly drawn: Size;
  /** True when the image has to be scaled to the requested size. */
  readonly resampled: boolean;
  /** One line for logs and people; present exactly when `resampled` is true. */
  readonly note?: string;
}

const token = 16;

/**
 * Plans the size to generate for a size of `asked` (pixels, multiples of 16, at least 16). Within `maxPixels` it is the same. Above, it is
 * the largest size with nearly the same aspect ratio. For the sizes of the API the ratio changes by at most 5 %, usually far less.
 */
export function planSize(asked: Size, maxPixels?: number): SizePlan {
  if (maxPixels === undefined || asked.width * asked.height <= maxPixels)
    return { asked, drawn: asked, resampled: false };
  const drawn = drawingWithin(asked, maxPixels);
  const note =
    `${asked.width}×${asked.height} is above this model's ${maxPixels} pixels: ` +
    `generated at ${drawn.width}×${drawn.height}, then enlarged to ${asked.width}×${asked.height} (Lanczos)`;
  return { asked, drawn, resampled: true, note };
}

/** The best size in whole tokens within the budget. One per cent of stretch counts as much as eight per cent of area. */
function drawingWithin(asked: Size, maxPixels: number): Size {
  const aspect = asked.width / asked.height;
  let best: Size = { width: token, height: token };
  let least = Number.POSITIVE_INFINITY;
  for (let width = token; width * token <= maxPixels && width <= asked.width; width += token) {
    for (const rounded of [Math.floor(width / aspect / token), Math.ceil(width / aspect / token)]) {
      const height = Math.max(token, rounded * token);
      if (width * height > maxPixels || height > asked.height) continue;
      const stretch = Math.abs(Math.log(width / height / aspect));
      const unused = Math.log(maxPixels / (width * height));
      const loss = 8 * stretch + unused;
      if (loss < least) {
        least = loss;
        best = { width, height };
      }
    }
  }
  return best;
}
