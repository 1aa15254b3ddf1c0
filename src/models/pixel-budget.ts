/** How large a picture is drawn when its model has a pixel budget. */

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface SizePlan {
  /** What was asked for, in pixels: the size of the finished file. */
  readonly asked: Size;
  /** What the engine draws: multiples of 16, within the budget. */
  readonly drawn: Size;
  /** Whether the drawing has to be resampled to the size asked for. */
  readonly resampled: boolean;
  /** One line for logs and people; present exactly when `resampled`. */
  readonly note?: string;
}

const token = 16;

/**
 * Plans the drawing of a picture of `asked` size (pixels, multiples of 16, at least 16): as asked within `maxPixels`, else at nearly the
 * same aspect within it: stretched by 5 % at most for the sizes of the API, mostly far less.
 */
export function planSize(asked: Size, maxPixels?: number): SizePlan {
  if (maxPixels === undefined || asked.width * asked.height <= maxPixels)
    return { asked, drawn: asked, resampled: false };
  const drawn = drawingWithin(asked, maxPixels);
  const note =
    `${asked.width}×${asked.height} is above this model's ${maxPixels} pixels: ` +
    `drawn at ${drawn.width}×${drawn.height}, then enlarged to ${asked.width}×${asked.height} (Lanczos)`;
  return { asked, drawn, resampled: true, note };
}

/** Of all sizes in whole tokens within the budget, the one that loses least: a per cent of stretch weighs eight of area. */
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
