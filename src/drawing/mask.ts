import type { GrayImage, Rectangle } from "../pictures/index.ts";

/** Values up to this one count as black: JPEG adds noise to black areas. */
const BLACK = 7;
/** Pixels inside the mask's border over which the new image fades in. */
const SEAM = 4;

/** A latent position is a cell of 8×8 pixels. */
const CELL = 8;

/** The smallest rectangle around all pixels that are not black; undefined for a black mask. */
export function maskBounds({ width, height, pixels }: GrayImage): Rectangle | undefined {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (pixels[y * width + x]! <= BLACK) continue;
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
      top = Math.min(top, y);
      bottom = y + 1;
    }
  }
  return right === 0 ? undefined : { left, top, width: right - left, height: bottom - top };
}

/** Each cell takes the value of its lightest pixel, so that thin strokes reach the latents. */
export function releaseCells({ width, height, pixels }: GrayImage): GrayImage {
  const released = new Uint8Array(pixels.length);
  for (let top = 0; top < height; top += CELL) {
    for (let left = 0; left < width; left += CELL) {
      const rows = Math.min(CELL, height - top);
      const columns = Math.min(CELL, width - left);
      let lightest = 0;
      for (let y = top; y < top + rows; y++) {
        for (let x = left; x < left + columns; x++) lightest = Math.max(lightest, pixels[y * width + x]!);
      }
      if (lightest <= BLACK) continue;
      for (let y = top; y < top + rows; y++) released.fill(lightest, y * width + left, y * width + left + columns);
    }
  }
  return { width, height, pixels: released };
}

/**
 * Opacity of the new image along the mask. It is 0 where the mask is black and rises to 255 within a few pixels inside it. In thin
 * strokes it rises faster, so that it reaches 255 along their middle.
 * @returns opacity of the new image, 0…255
 */
export function seam(mask: GrayImage): GrayImage {
  const distance = distanceInside(mask);
  const depth = deepestNearby(distance, mask.width);
  return { ...mask, pixels: distance.map((d, i) => Math.round((255 * d) / Math.max(1, depth[i]!))) };
}

/** The largest distance within SEAM pixels, in a square window. */
function deepestNearby(distance: Uint8Array, width: number): Uint8Array {
  const alongRows = largestNearby(distance, 1, (i) => i % width, width);
  return largestNearby(alongRows, width, (i) => Math.floor(i / width), distance.length / width);
}

function largestNearby(values: Uint8Array, stride: number, place: (i: number) => number, places: number): Uint8Array {
  return values.map((value, i) => {
    let largest = value;
    for (let step = Math.max(-SEAM, -place(i)); step <= SEAM && place(i) + step < places; step++) {
      largest = Math.max(largest, values[i + step * stride]!);
    }
    return largest;
  });
}

/** City-block distance from each pixel to the nearest black one, at most SEAM. Positions outside the image do not count as black. */
function distanceInside({ width, height, pixels }: GrayImage): Uint8Array {
  const distance = Uint8Array.from(pixels, (value) => (value <= BLACK ? 0 : SEAM));
  const relax = (at: number, neighbour: number) => {
    distance[at] = Math.min(distance[at]!, distance[neighbour]! + 1);
  };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      if (x > 0) relax(at, at - 1);
      if (y > 0) relax(at, at - width);
    }
  }
  for (let y = height - 1; y >= 0; y--) {
    for (let x = width - 1; x >= 0; x--) {
      const at = y * width + x;
      if (x < width - 1) relax(at, at + 1);
      if (y < height - 1) relax(at, at + width);
    }
  }
  return distance;
}

/**
 * The region to zoom into: the bounds of the mask plus a margin, widened to the aspect ratio of the image where there is room.
 * Source: `get_crop_region` in diffusers; model spec 6.8.
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

/** Extends a span by the same length on both sides, then moves it inside the image. */
function widen(start: number, length: number, wanted: number, limit: number): [start: number, length: number] {
  const longer = Math.min(limit, Math.max(length, wanted));
  const begin = start - Math.floor((longer - length) / 2);
  return [Math.min(limit - longer, Math.max(0, begin)), longer];
}
