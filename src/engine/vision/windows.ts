/** The patch grid of one image, in patches; both sides are multiples of the merge. */
export interface PatchGrid {
  readonly rows: number;
  readonly columns: number;
}

/**
 * Cells (merge × merge patches, one image token each) in the order of the attention windows. The grid is cut into tiles of
 * `side` × `side` cells from the top left; the last ones are smaller. Tiles follow each other, row by row inside each.
 * Source: `get_window_index` of Qwen2.5-VL.
 *
 * @param rows and columns in cells
 * @returns `cells[i]` is the raster index of the i-th cell; `sizes` are the numbers of cells in each window
 */
export function windowOrder(rows: number, columns: number, side: number): { cells: Int32Array; sizes: number[] } {
  const cells = new Int32Array(rows * columns);
  const sizes: number[] = [];
  let count = 0;
  for (let top = 0; top < rows; top += side) {
    for (let left = 0; left < columns; left += side) {
      const before = count;
      for (let r = top; r < Math.min(rows, top + side); r++) {
        for (let c = left; c < Math.min(columns, left + side); c++) cells[count++] = r * columns + c;
      }
      sizes.push(count - before);
    }
  }
  return { cells, sizes };
}

/** Windows padded to one length, so that attention handles all of them in one batch. */
export interface PaddedWindows {
  /** The row at each position of the padded windows, [windows · length]; padding repeats row 0. */
  readonly rows: BigInt64Array;
  /** The position of each row, [N]: the inverse. */
  readonly places: BigInt64Array;
  /** Added to the scores: 0 for a row of the window, -∞ for padding, [windows, 1, length, length]. */
  readonly bias: Float32Array;
  readonly windows: number;
  readonly length: number;
}

/** @param sizes rows of each window, in the rows' order */
export function padWindows(sizes: readonly number[]): PaddedWindows {
  const length = Math.max(...sizes);
  const rows = new BigInt64Array(sizes.length * length);
  const places: bigint[] = [];
  const bias = new Float32Array(sizes.length * length * length);
  sizes.forEach((size, window) => {
    for (let i = 0; i < size; i++) {
      rows[window * length + i] = BigInt(places.length);
      places.push(BigInt(window * length + i));
    }
    for (let query = 0; query < length; query++) {
      const at = (window * length + query) * length;
      bias.fill(LOWEST, at + size, at + length);
    }
  });
  return { rows, places: BigInt64Array.from(places), bias, windows: sizes.length, length };
}

/** Finite, so that no kernel turns it into NaN. Its exponential is 0. */
const LOWEST = -1e30;
