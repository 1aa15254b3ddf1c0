import type { RgbImage } from "./picture.ts";

/** A resampling kernel: its weight at a distance from the middle, and the distance from which it is zero. */
interface Kernel {
  readonly support: number;
  weight(distance: number): number;
}

const sinc = (x: number) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** Keys' cubic with a = -1/2. */
const CUBIC = -0.5;

const KERNELS = {
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
  bicubic: {
    support: 2,
    weight(distance) {
      const x = Math.abs(distance);
      if (x < 1) return ((CUBIC + 2) * x - (CUBIC + 3)) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * CUBIC : 0;
    },
  },
} as const satisfies Record<string, Kernel>;

/** Weights are integers, in units of 2⁻²². */
const PRECISION = 22;

/** The source pixels of one result pixel: from `first`, with these weights. */
interface Contribution {
  readonly first: number;
  readonly weights: Int32Array;
}

/**
 * Stretches an image to `width` × `height` pixels, with the same bits as Pillow: first along rows, rounded to bytes, then along columns.
 * Use it for networks that were trained on images resized by Pillow; `resizeImage` is faster. (Pillow 13 and later starts with columns if
 * that is less work.)
 * Source: Pillow's `Resample.c`.
 */
export function resample(image: RgbImage, width: number, height: number, kernel: keyof typeof KERNELS): RgbImage {
  const wide = image.width === width ? image : alongRows(image, contributions(image.width, width, KERNELS[kernel]));
  return wide.height === height ? wide : alongColumns(wide, contributions(wide.height, height, KERNELS[kernel]));
}

function contributions(from: number, to: number, { support, weight }: Kernel): Contribution[] {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const reach = support * stretch;
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const end = Math.min(from, Math.trunc(centre + reach + 0.5));
    const raw = Array.from({ length: end - first }, (_, j) => weight((j + first - centre + 0.5) * (1 / stretch)));
    const sum = raw.reduce((total, w) => total + w, 0);
    const fixed = (w: number) => Math.trunc((w / sum) * 2 ** PRECISION + (w < 0 ? -0.5 : 0.5));
    return { first, weights: Int32Array.from(raw, fixed) };
  });
}

function alongRows({ width, height, pixels }: RgbImage, columns: readonly Contribution[]): RgbImage {
  const out = new Uint8Array(columns.length * height * 3);
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (const { first, weights } of columns) {
      weigh(pixels, (y * width + first) * 3, 3, weights, out, at);
      at += 3;
    }
  }
  return { width: columns.length, height, pixels: out };
}

function alongColumns({ width, pixels }: RgbImage, rows: readonly Contribution[]): RgbImage {
  const out = new Uint8Array(width * rows.length * 3);
  let at = 0;
  for (const { first, weights } of rows) {
    for (let x = 0; x < width; x++) {
      weigh(pixels, (first * width + x) * 3, 3 * width, weights, out, at);
      at += 3;
    }
  }
  return { width, height: rows.length, pixels: out };
}

/** Three weighted sums of bytes, `stride` apart, in integers. */
function weigh(from: Uint8Array, start: number, stride: number, weights: Int32Array, to: Uint8Array, at: number): void {
  let red = 1 << (PRECISION - 1);
  let green = red;
  let blue = red;
  for (let i = 0, p = start; i < weights.length; i++, p += stride) {
    const w = weights[i]!;
    red += w * from[p]!;
    green += w * from[p + 1]!;
    blue += w * from[p + 2]!;
  }
  to[at] = byte(red);
  to[at + 1] = byte(green);
  to[at + 2] = byte(blue);
}

function byte(sum: number): number {
  return Math.min(255, Math.max(0, sum >> PRECISION));
}
