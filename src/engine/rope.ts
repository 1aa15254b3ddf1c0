import type { HostTensor } from "../onnx/index.ts";

/** Cosines and sines of the angles of rotary position embeddings, one row for each position. */
export interface RotaryTable {
  readonly cos: HostTensor; // [positions, headDim / 2]
  readonly sin: HostTensor;
}

/** Positions of a prompt's tokens on three axes. A text token has the same position on all of them. Each [S]. */
export interface PromptPositions {
  readonly time: readonly number[];
  readonly row: readonly number[];
  readonly column: readonly number[];
}

/**
 * Positions of a prompt with images. Text tokens are counted. The tokens of an image share a time and have its rows and columns. The text
 * after an image continues after its longer side. Source: `get_rope_index` of Qwen2.5-VL.
 *
 * @param length total number of tokens
 * @param images grids of their tokens and their starts, in order
 */
export function promptPositions(length: number, images: readonly (Grid & { start: number })[] = []): PromptPositions {
  const positions = { time: [] as number[], row: [] as number[], column: [] as number[] };
  const place = (time: number, row: number, column: number) => {
    positions.time.push(time);
    positions.row.push(row);
    positions.column.push(column);
  };
  let next = 0;
  const textUpTo = (end: number) => {
    for (; positions.time.length < end; next++) place(next, next, next);
  };
  for (const { start, rows, columns } of images) {
    textUpTo(start);
    for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) place(next, next + r, next + c);
    next += Math.max(rows, columns);
  }
  textUpTo(length);
  return positions;
}

/**
 * RoPE of the text encoder: angle = position · θ^(-2i/headDim). The first frequencies use the time, the next the row and the last the
 * column. In pure text all three are equal, so the sections have no effect.
 *
 * @param sections frequencies of each axis, `mrope_section`: [16, 24, 24]
 */
export function textRotary(
  { time, row, column }: PromptPositions,
  headDim: number,
  theta: number,
  sections: readonly number[],
): RotaryTable {
  const half = headDim / 2;
  const axes = sections.flatMap((count, axis) => Array<readonly number[]>(count).fill([time, row, column][axis]!));
  const table = emptyTable(time.length, half);
  for (let i = 0; i < half; i++) {
    const frequency = Math.fround(1 / Math.fround(theta ** ((2 * i) / headDim)));
    (axes[i] ?? time).forEach((position, p) => {
      setAngle(table, p * half + i, Math.fround(position * frequency));
    });
  }
  return table;
}

/**
 * RoPE of the vision tower: the first half of the angles uses the row of a patch in its image, the second its column. Each
 * angle = position · 10000^(-2k/(headDim/2)).
 */
export function patchRotary(
  patches: readonly (readonly [row: number, column: number])[],
  headDim: number,
): RotaryTable {
  const frequencies = axisFrequencies(headDim / 2, 10_000);
  const table = emptyTable(patches.length, headDim / 2);
  let at = 0;
  for (const patch of patches) {
    for (const place of patch) for (const f of frequencies) setAngle(table, at++, Math.fround(place * f));
  }
  return table;
}

/** A grid of tokens. */
export interface Grid {
  readonly rows: number;
  readonly columns: number;
}

/**
 * The transformer's three-axis RoPE (frame, row, column), [T + L, headDim / 2]. Text positions come first, then the tokens of one
 * image after the other, row by row.
 *
 * Image k is frame k: 0 is the generated image, then the references follow. Each is centred: n rows have positions -(n - ⌊n/2⌋) …
 * ⌊n/2⌋ - 1. Text token j has position m + j on all three axes; m is the largest ⌊rows/2⌋ or ⌊columns/2⌋ of all images.
 * Source: `QwenEmbedRope` with scale_rope in diffusers, θ = 10000.
 *
 * @param axes features for each axis, for example [16, 56, 56]; their sum is headDim
 */
export function jointRotary(textTokens: number, images: readonly Grid[], axes: readonly number[]): RotaryTable {
  const frequencies = axes.map((dim) => axisFrequencies(dim, 10_000));
  const half = axes.reduce((sum, dim) => sum + dim / 2, 0);
  const imageTokens = images.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
  const table = emptyTable(textTokens + imageTokens, half);
  let token = 0;
  const place = (positions: readonly number[]) => {
    let at = token++ * half;
    positions.forEach((position, axis) => {
      for (const frequency of frequencies[axis]!) setAngle(table, at++, Math.fround(position * frequency));
    });
  };
  const textStart = Math.max(...images.flatMap(({ rows, columns }) => [rows >> 1, columns >> 1]));
  for (let j = 0; j < textTokens; j++) place([textStart + j, textStart + j, textStart + j]);
  images.forEach(({ rows, columns }, frame) => {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) place([frame, r - (rows - (rows >> 1)), c - (columns - (columns >> 1))]);
    }
  });
  return table;
}

function axisFrequencies(dim: number, theta: number): number[] {
  return Array.from({ length: dim / 2 }, (_, k) => Math.fround(1 / Math.fround(theta ** Math.fround((2 * k) / dim))));
}

function emptyTable(positions: number, half: number): RotaryTable {
  const table = () => ({ data: new Float32Array(positions * half), dims: [positions, half] });
  return { cos: table(), sin: table() };
}

function setAngle({ cos, sin }: RotaryTable, index: number, angle: number): void {
  cos.data[index] = Math.cos(angle);
  sin.data[index] = Math.sin(angle);
}
