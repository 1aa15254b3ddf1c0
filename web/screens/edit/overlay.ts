/** The tint over the painted area, with an edge of black and white dashes that is visible on any image. */

import type { Mask } from "../../mask/raster.ts";

/** Opacity of the tint at full strength. */
const OPACITY = 0.45;
const DASH = 4;

export interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Renders a part of the mask onto a canvas of the same size. `tint`: red, green, blue. */
export function drawOverlay(
  context: OffscreenCanvasRenderingContext2D,
  { width, height, alpha }: Mask,
  part: Rectangle,
  tint: readonly [number, number, number],
): void {
  const left = Math.max(0, Math.floor(part.left) - 1);
  const top = Math.max(0, Math.floor(part.top) - 1);
  const right = Math.min(width, Math.ceil(part.right) + 1);
  const bottom = Math.min(height, Math.ceil(part.bottom) + 1);
  if (right <= left || bottom <= top) return;
  const image = context.createImageData(right - left, bottom - top);
  const painted = (x: number, y: number) => x >= 0 && y >= 0 && x < width && y < height && alpha[y * width + x]! > 127;
  let at = 0;
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++, at += 4) {
      const value = alpha[y * width + x]!;
      if (value === 0) continue;
      const isEdge = value > 127 && !(painted(x - 1, y) && painted(x + 1, y) && painted(x, y - 1) && painted(x, y + 1));
      if (isEdge) {
        image.data.fill((Math.floor((x + y) / DASH) % 2) * 255, at, at + 3);
        image.data[at + 3] = 255;
      } else {
        image.data.set(tint, at);
        image.data[at + 3] = value * OPACITY;
      }
    }
  }
  context.putImageData(image, left, top);
}
