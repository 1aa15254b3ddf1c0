import type { HostTensor } from "../onnx/index.ts";

/** Angles of rotary position embeddings as their cosines and sines, one row a position. */
export interface RotaryTable {
  readonly cos: HostTensor; // [positions, headDim / 2]
  readonly sin: HostTensor;
}

/**
 * One-dimensional RoPE of the text encoder: angle = position · θ^(-2i/headDim).
 * The multimodal sections of Qwen2.5-VL coincide for pure text.
 */
export function textRotary(positions: number, headDim: number, theta: number): RotaryTable {
  const half = headDim / 2;
  const table = emptyTable(positions, half);
  for (let i = 0; i < half; i++) {
    const frequency = Math.fround(1 / Math.fround(theta ** ((2 * i) / headDim)));
    for (let p = 0; p < positions; p++) setAngle(table, p * half + i, Math.fround(p * frequency));
  }
  return table;
}

/**
 * The model's three-axis RoPE (frame, row, column), text positions first, then image tokens row by row: [T + L, headDim / 2].
 *
 * Image tokens are centred: a grid of n rows has positions -(n - ⌊n/2⌋) … ⌊n/2⌋ - 1. Text token j stands at
 * max(⌊rows/2⌋, ⌊columns/2⌋) + j on all three axes. Source: `QwenEmbedRope` with scale_rope in diffusers, θ = 10000.
 *
 * @param axes features per axis, for example [16, 56, 56]; their sum is headDim
 */
export function jointRotary(textTokens: number, rows: number, columns: number, axes: readonly number[]): RotaryTable {
  const frequencies = axes.map((dim) => axisFrequencies(dim, 10_000));
  const half = axes.reduce((sum, dim) => sum + dim / 2, 0);
  const table = emptyTable(textTokens + rows * columns, half);
  let row = 0;
  const place = (positions: readonly number[]) => {
    let at = row++ * half;
    positions.forEach((position, axis) => {
      for (const frequency of frequencies[axis]!) setAngle(table, at++, Math.fround(position * frequency));
    });
  };
  const textStart = Math.max(rows >> 1, columns >> 1);
  for (let j = 0; j < textTokens; j++) place([textStart + j, textStart + j, textStart + j]);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) place([0, r - (rows - (rows >> 1)), c - (columns - (columns >> 1))]);
  }
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
