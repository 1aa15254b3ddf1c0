import type { RgbImage } from "../pictures/index.ts";

/** Position of an input value between two pixels of the image, along one axis. */
export interface Sample {
  readonly first: number;
  readonly second: number;
  /** Weight of the second pixel, 0…1. */
  readonly share: number;
}

/** Where position `i` of `to` is located over `from` pixels. Frameworks differ, and a network needs the one it was trained with. */
const placements = {
  /** Centres over centres: OpenCV, PIL, torch. */
  centres: (i: number, from: number, to: number) => ((i + 0.5) * from) / to - 0.5,
  /** First and last position over the first and last pixel: `alignCorners` of TensorFlow. */
  corners: (i: number, from: number, to: number) => (to > 1 ? (i * (from - 1)) / (to - 1) : 0),
  /** First position over the first pixel: the default of TensorFlow. */
  origins: (i: number, from: number, to: number) => (i * from) / to,
};

/** Samples of `to` positions over `from` pixels. Positions outside the image are moved to its first or last pixel. */
export function samples(from: number, to: number, placement: keyof typeof placements): Sample[] {
  return Array.from({ length: to }, (_, i) => {
    const position = Math.min(from - 1, Math.max(0, placements[placement](i, from, to)));
    const first = Math.floor(position);
    return { first, second: Math.min(from - 1, first + 1), share: position - first };
  });
}

/** Input planes of a vision network. */
export interface Planes {
  readonly width: number;
  readonly height: number;
  /** 0…1, [3, height, width] */
  readonly data: Float32Array;
}

/**
 * Resamples an image into planes: bilinear, without antialiasing. Samples outside the image are black.
 * @param columns one for each column to write, from `left`; `rows` likewise from `top`
 */
export function fillPlanes(
  { width, height, pixels }: RgbImage,
  { columns, rows }: { readonly columns: readonly Sample[]; readonly rows: readonly Sample[] },
  planes: Planes,
  { left, top } = { left: 0, top: 0 },
): void {
  for (const [v, row] of rows.entries()) {
    for (const [u, column] of columns.entries()) {
      const at = (top + v) * planes.width + left + u;
      for (let c = 0; c < 3; c++) {
        const value = (x: number, y: number) => (x < width && y < height ? pixels[(y * width + x) * 3 + c]! : 0);
        const upper = mix(value(column.first, row.first), value(column.second, row.first), column.share);
        const lower = mix(value(column.first, row.second), value(column.second, row.second), column.share);
        planes.data[c * planes.width * planes.height + at] = mix(upper, lower, row.share) / 255;
      }
    }
  }
}

function mix(a: number, b: number, share: number): number {
  return a + (b - a) * share;
}
