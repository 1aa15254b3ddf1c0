/** Strokes → mask: one byte per pixel, 255 is painted. It does not use a canvas, so that every browser makes the same mask. */

import type { Point, Stroke } from "./strokes.ts";

export interface Mask {
  readonly width: number;
  readonly height: number;
  readonly alpha: Uint8Array;
}

export const blankMask = (width: number, height: number): Mask => ({
  width,
  height,
  alpha: new Uint8Array(width * height),
});

/** Paints strokes onto a mask, in order. It changes the mask. */
export function paint(mask: Mask, strokes: readonly Stroke[]): Mask {
  for (const stroke of strokes) paintStroke(mask, stroke);
  return mask;
}

export function paintStroke(mask: Mask, stroke: Stroke): void {
  switch (stroke.kind) {
    case "clear":
      mask.alpha.fill(0);
      return;
    case "invert":
      for (let i = 0; i < mask.alpha.length; i++) mask.alpha[i] = 255 - mask.alpha[i]!;
      return;
    case "box":
      paintBox(mask, stroke.from, stroke.to, stroke.erase);
      return;
    case "lasso":
      paintPolygon(mask, stroke.points, stroke.erase);
      return;
    case "brush": {
      const { points, size, hardness, erase } = stroke;
      for (const [i, point] of points.entries()) {
        const before = points[i - 1] ?? point;
        for (const dab of dabsBetween(before, point, size)) paintDab(mask, dab, size, hardness, erase);
      }
    }
  }
}

/** Distance of two dabs, as a share of their size. */
const SPACING = 0.25;

/** Points from `from` (excluded, unless it is the only one) to `to`, close enough to look like a line. */
export function dabsBetween(from: Point, to: Point, size: number): readonly Point[] {
  const distance = Math.hypot(to.x - from.x, to.y - from.y);
  const count = Math.max(1, Math.ceil(distance / Math.max(1, size * SPACING)));
  const [p, q] = [from.pressure ?? 1, to.pressure ?? 1];
  return Array.from({ length: count }, (_, i) => {
    const t = (i + 1) / count;
    return { x: from.x + t * (to.x - from.x), y: from.y + t * (to.y - from.y), pressure: p + t * (q - p) };
  });
}

function paintDab(
  { width, height, alpha }: Mask,
  { x, y, pressure = 1 }: Point,
  size: number,
  hardness: number,
  erase: boolean,
) {
  const radius = Math.max(0.5, (size * pressure) / 2);
  const [left, right] = [Math.max(0, Math.floor(x - radius)), Math.min(width - 1, Math.ceil(x + radius))];
  const [top, bottom] = [Math.max(0, Math.floor(y - radius)), Math.min(height - 1, Math.ceil(y + radius))];
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= right; column++) {
      const strength = strengthAt(Math.hypot(column + 0.5 - x, row + 0.5 - y), radius, hardness);
      if (strength === 0) continue;
      const at = row * width + column;
      alpha[at] = erase ? Math.min(alpha[at]!, 255 - strength) : Math.max(alpha[at]!, strength);
    }
  }
}

/** Strength of a dab at a distance from its middle, 0 … 255. */
function strengthAt(distance: number, radius: number, hardness: number): number {
  if (distance >= radius) return 0;
  const solid = radius * hardness;
  if (distance <= solid) return 255;
  const t = (radius - distance) / (radius - solid);
  return Math.round(255 * t * t * (3 - 2 * t));
}

function paintBox({ width, height, alpha }: Mask, a: Point, b: Point, erase: boolean): void {
  const clamp = (value: number, most: number) => Math.max(0, Math.min(most, Math.round(value)));
  const [left, right] = [clamp(Math.min(a.x, b.x), width), clamp(Math.max(a.x, b.x), width)];
  const [top, bottom] = [clamp(Math.min(a.y, b.y), height), clamp(Math.max(a.y, b.y), height)];
  for (let row = top; row < bottom; row++) alpha.fill(erase ? 0 : 255, row * width + left, row * width + right);
}

/** Fills a closed polygon by the even-odd rule, row by row through the middles of the pixels. */
function paintPolygon({ width, height, alpha }: Mask, points: readonly Point[], erase: boolean): void {
  if (points.length < 3) return;
  for (let row = 0; row < height; row++) {
    const y = row + 0.5;
    const crossings: number[] = [];
    for (const [i, a] of points.entries()) {
      const b = points[(i + 1) % points.length]!;
      if (a.y <= y === b.y <= y) continue;
      crossings.push(a.x + ((y - a.y) / (b.y - a.y)) * (b.x - a.x));
    }
    crossings.sort((p, q) => p - q);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const left = Math.max(0, Math.ceil(crossings[i]! - 0.5));
      const right = Math.min(width, Math.ceil(crossings[i + 1]! - 0.5));
      if (right > left) alpha.fill(erase ? 0 : 255, row * width + left, row * width + right);
    }
  }
}
