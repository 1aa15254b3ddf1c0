import type { GrayImage, Rectangle } from "../pictures/index.ts";

/** Values up to this count as black: the noise that JPEG leaves in black areas. */
const BLACK = 7;
/** Pixels from the mask's border inwards over which the new picture takes over. */
const SEAM = 4;

/** Latent positions are cells of 8×8 pixels. */
const CELL = 8;

/** The smallest rectangle around everything that is not black; undefined for an empty mask. */
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

/** Every cell takes its lightest pixel, so that no stroke falls between the latent positions. */
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
 * How much of the new picture shows: 0 wherever the mask is black, then rising within a few pixels to all of it; within fewer
 * where the mask is thin, so that a stroke shows fully along its middle.
 * @returns opacity of the new picture, 0…255
 */
export function seam(mask: GrayImage): GrayImage {
  const distance = distanceInside(mask);
  const depth = deepestNearby(distance, mask.width);
  return { ...mask, pixels: distance.map((d, i) => Math.round((255 * d) / Math.max(1, depth[i]!))) };
}

/** The largest distance within SEAM pixels, in a square. */
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

/** City-block distance of each pixel to the nearest black one, up to SEAM; outside the picture nothing counts as black. */
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
