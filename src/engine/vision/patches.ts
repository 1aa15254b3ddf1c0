import { type RgbImage, resample } from "../../pictures/index.ts";
import { visionSize } from "./sizes.ts";
import type { PatchGrid } from "./windows.ts";

/** Sizes of the patches, from the vision tower's config. */
export interface PatchSizes {
  /** Side of a patch, in pixels: 14. */
  readonly patch: number;
  /** Side of a cell, in patches: 2. A cell becomes one image token. */
  readonly merge: number;
  /** Frames in a patch: 2. For a still image they are equal. */
  readonly frames: number;
}

/** Means and deviations of the channels in `preprocessor_config.json` of Qwen-Image-Edit. */
const MEAN = [0.48145466, 0.4578275, 0.40821073];
const DEVIATION = [0.26862954, 0.26130258, 0.27577711];

/** An image as the input of the tower. */
export interface Patches {
  /** [N, 3 · frames · patch · patch], cell by cell in raster order, the patches of a cell row by row. */
  readonly values: Float32Array;
  readonly grid: PatchGrid;
}

/** Scales an image to the tower's size, normalises its colours and cuts it into patches. */
export function patchesOf(picture: RgbImage, sizes: PatchSizes): Patches {
  const factor = sizes.patch * sizes.merge;
  const { width, height } = visionSize(picture, factor);
  return cut(resample(picture, width, height, "bicubic"), sizes);
}

function cut({ width, height, pixels }: RgbImage, { patch, merge, frames }: PatchSizes): Patches {
  const grid = { rows: height / patch, columns: width / patch };
  const area = patch * patch;
  const values = new Float32Array(grid.rows * grid.columns * 3 * frames * area);
  const normalised = MEAN.map((mean, channel) => colourTable(mean, DEVIATION[channel]!));
  let at = 0;
  const write = (top: number, left: number) => {
    for (let channel = 0; channel < 3; channel++) {
      const table = normalised[channel]!;
      const start = at;
      for (let y = top; y < top + patch; y++) {
        for (let x = left; x < left + patch; x++) values[at++] = table[pixels[(y * width + x) * 3 + channel]!]!;
      }
      for (let frame = 1; frame < frames; frame++) {
        values.copyWithin(at, start, start + area);
        at += area;
      }
    }
  };
  for (let row = 0; row < grid.rows; row += merge) {
    for (let column = 0; column < grid.columns; column += merge) {
      for (let r = row; r < row + merge; r++) {
        for (let c = column; c < column + merge; c++) write(r * patch, c * patch);
      }
    }
  }
  return { values, grid };
}

/** A byte of one channel → its normalised value. Every operation rounds to float32, as in the reference. */
function colourTable(mean: number, deviation: number): Float32Array {
  const [m, d] = [Math.fround(mean), Math.fround(deviation)];
  return Float32Array.from({ length: 256 }, (_, byte) => {
    const unit = Math.fround(byte * (1 / 255));
    return Math.fround(Math.fround(unit - m) / d);
  });
}
