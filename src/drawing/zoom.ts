import type { Rectangle } from "../pictures/index.ts";

/**
 * The part of a picture to zoom into: the mask's bounds with a margin around them, widened to the picture's aspect ratio as far
 * as the picture reaches. Source: `get_crop_region` in diffusers; model spec 6.8.
 *
 * @param bounds of the mask
 * @param margin pixels
 */
export function zoomRegion(bounds: Rectangle, margin: number, picture: { width: number; height: number }): Rectangle {
  const [left, right] = grow(bounds.left, bounds.width, margin, picture.width);
  const [top, bottom] = grow(bounds.top, bounds.height, margin, picture.height);
  const aspect = picture.width / picture.height;
  const [width, height] = [right - left, bottom - top];
  if (width / height > aspect) {
    const [y, tall] = widen(top, height, Math.round(width / aspect), picture.height);
    return { left, top: y, width, height: tall };
  }
  const [x, wide] = widen(left, width, Math.round(height * aspect), picture.width);
  return { left: x, top, width: wide, height };
}

function grow(start: number, length: number, margin: number, limit: number): [number, number] {
  return [Math.max(0, start - margin), Math.min(limit, start + length + margin)];
}

/** Lengthens a span evenly on both sides, then moves it back inside the picture. */
function widen(start: number, length: number, wanted: number, limit: number): [start: number, length: number] {
  const longer = Math.min(limit, Math.max(length, wanted));
  const begin = start - Math.floor((longer - length) / 2);
  return [Math.min(limit - longer, Math.max(0, begin)), longer];
}
