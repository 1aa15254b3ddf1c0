/** Scale and position of the image in its window. Strokes use pixels of the image. */

import type { Point } from "./strokes.ts";

export interface View {
  /** Pixels of the window for one pixel of the image. */
  readonly scale: number;
  /** Position of the image's upper left corner in the window. */
  readonly x: number;
  readonly y: number;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

const LEAST_SCALE = 0.05;
const MOST_SCALE = 32;

/** The whole image in the middle of the window, with a margin around it. */
export function fitView(picture: Size, window: Size, margin = 24): View {
  const room = { width: Math.max(1, window.width - 2 * margin), height: Math.max(1, window.height - 2 * margin) };
  const scale = Math.min(room.width / picture.width, room.height / picture.height, 4);
  return {
    scale,
    x: (window.width - picture.width * scale) / 2,
    y: (window.height - picture.height * scale) / 2,
  };
}

/** Converts a point of the window to pixels of the image. */
export const toPicture = ({ scale, x, y }: View, at: Point): Point => ({
  x: (at.x - x) / scale,
  y: (at.y - y) / scale,
});

/** Scales by a factor. The point of the image under `at` keeps its position. */
export function zoomAt({ scale, x, y }: View, at: Point, factor: number): View {
  const next = Math.max(LEAST_SCALE, Math.min(MOST_SCALE, scale * factor));
  const ratio = next / scale;
  return { scale: next, x: at.x - (at.x - x) * ratio, y: at.y - (at.y - y) * ratio };
}

export const movedBy = (view: View, dx: number, dy: number): View => ({ ...view, x: view.x + dx, y: view.y + dy });

/** Two fingers: the view with the same two points of the image under the fingers at their new positions. */
export function pinched(view: View, [a, b]: readonly [Point, Point], [p, q]: readonly [Point, Point]): View {
  const before = Math.hypot(b.x - a.x, b.y - a.y) || 1;
  const middle = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  const zoomed = zoomAt(view, middle, Math.hypot(q.x - p.x, q.y - p.y) / before);
  return movedBy(zoomed, (p.x + q.x) / 2 - middle.x, (p.y + q.y) / 2 - middle.y);
}

/** Sizes that models support are multiples of this. */
const STEP = 16;

/** Rounds the extension of an image so that a model supports its size. The image is never cut. */
export function drawableSides(picture: Size, sides: { top: number; right: number; bottom: number; left: number }) {
  const grown = (before: number, ...extra: readonly [number, number]) => {
    const wanted = before + Math.max(0, extra[0]) + Math.max(0, extra[1]);
    return Math.ceil(wanted / STEP) * STEP - before;
  };
  const share = (total: number, first: number, second: number): readonly [number, number] => {
    if (first <= 0 && second <= 0) return [0, 0];
    if (second <= 0) return [total, 0];
    if (first <= 0) return [0, total];
    const part = Math.round((total * first) / (first + second));
    return [part, total - part];
  };
  if (Object.values(sides).every((side) => side <= 0)) return { top: 0, right: 0, bottom: 0, left: 0 };
  /** A side without an extension grows too, if the image has an unsupported size. */
  const round = (before: number, first: number, second: number) =>
    first <= 0 && second <= 0 ? share(grown(before, 0, 0), 0, 1) : share(grown(before, first, second), first, second);
  const [left, right] = round(picture.width, sides.left, sides.right);
  const [top, bottom] = round(picture.height, sides.top, sides.bottom);
  return { top, right, bottom, left };
}
