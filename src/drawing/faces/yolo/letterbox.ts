import type { RgbImage } from "../../../pictures/index.ts";
import type { Box } from "../face.ts";

/** Where a picture lies inside the square (or other rectangle) that a network takes. */
export interface Letterbox {
  /** Pixels of the network's input. */
  readonly width: number;
  readonly height: number;
  /** The picture inside it, in whole pixels. */
  readonly left: number;
  readonly top: number;
  readonly innerWidth: number;
  readonly innerHeight: number;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Grey of the bars, as in Ultralytics' training. */
const BARS = 114 / 255;

/** Fits the picture into the input at its own aspect, in the middle. Source: `LetterBox` of ultralytics, `center=True`. */
export function planLetterbox(picture: Size, input: Size): Letterbox {
  const scale = Math.min(input.width / picture.width, input.height / picture.height);
  const innerWidth = Math.max(1, Math.round(picture.width * scale));
  const innerHeight = Math.max(1, Math.round(picture.height * scale));
  return {
    width: input.width,
    height: input.height,
    left: Math.floor((input.width - innerWidth) / 2),
    top: Math.floor((input.height - innerHeight) / 2),
    innerWidth,
    innerHeight,
  };
}

/** A box in the network's input, brought back to the picture. */
export function toPicture(box: Box, plan: Letterbox, picture: Size): Box {
  const x = picture.width / plan.innerWidth;
  const y = picture.height / plan.innerHeight;
  return {
    left: (box.left - plan.left) * x,
    top: (box.top - plan.top) * y,
    width: box.width * x,
    height: box.height * y,
  };
}

/** The network's input: planes in 0…1, [3, height, width], resampled bilinearly between pixel centres, grey bars around. */
export function letterboxed(image: RgbImage, plan: Letterbox): Float32Array {
  const area = plan.width * plan.height;
  const planes = new Float32Array(3 * area).fill(BARS);
  const columns = sampling(image.width, plan.innerWidth);
  const rows = sampling(image.height, plan.innerHeight);
  for (const [v, row] of rows.entries()) {
    for (const [u, column] of columns.entries()) {
      const at = (plan.top + v) * plan.width + plan.left + u;
      for (let c = 0; c < 3; c++) {
        const value = (x: number, y: number) => image.pixels[(y * image.width + x) * 3 + c]!;
        const upper = mix(value(column.first, row.first), value(column.second, row.first), column.share);
        const lower = mix(value(column.first, row.second), value(column.second, row.second), column.share);
        planes[c * area + at] = mix(upper, lower, row.share) / 255;
      }
    }
  }
  return planes;
}

/** For each output position the two neighbours it lies between, and how far towards the second. */
function sampling(from: number, to: number): { first: number; second: number; share: number }[] {
  return Array.from({ length: to }, (_, i) => {
    const position = Math.min(from - 1, Math.max(0, ((i + 0.5) * from) / to - 0.5));
    const first = Math.floor(position);
    return { first, second: Math.min(from - 1, first + 1), share: position - first };
  });
}

function mix(a: number, b: number, share: number): number {
  return a + (b - a) * share;
}
