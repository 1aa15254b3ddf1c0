import type { HostTensor } from "../onnx/index.ts";

/** Latent positions on a side of a tile, and how many of them neighbours share. */
export const TILE = 64;
export const OVERLAP = 16;

/** Where tiles of `TILE` start along an axis of `length`: even steps, the last one flush with the end. */
export function tileStarts(length: number, tile = TILE, overlap = OVERLAP): number[] {
  if (length <= tile) return [0];
  const count = Math.ceil((length - overlap) / (tile - overlap));
  return Array.from({ length: count }, (_, i) => Math.round((i * (length - tile)) / (count - 1)));
}

/**
 * Weight of position i of a tile that covers [start, start + tile) of an axis: linear ramps where neighbours overlap.
 * Over all tiles of an axis the weights of a position are divided by their sum, so any overlap blends evenly.
 */
export function rampWeight(i: number, tile: number, overlap: number): number {
  return Math.min(1, (i + 0.5) / overlap, (tile - i - 0.5) / overlap);
}

/**
 * Decodes a large picture tile by tile, so that memory depends on the tile and not on the picture.
 *
 * @param latents [C, h, w]
 * @param decode one tile [1, C, th, tw] → [1, 3, 8·th, 8·tw]
 * @param factor pixels per latent position
 * @returns [3, factor·h, factor·w]
 */
export async function decodeTiled(
  latents: Float32Array,
  [channels, height, width]: readonly [number, number, number],
  factor: number,
  decode: (tile: HostTensor) => Promise<Float32Array>,
): Promise<Float32Array> {
  const [rows, columns] = [height * factor, width * factor];
  const picture = new Float32Array(3 * rows * columns);
  const weights = new Float32Array(rows * columns);
  const size = { rows: Math.min(TILE, height), columns: Math.min(TILE, width) };
  for (const top of tileStarts(height)) {
    for (const left of tileStarts(width)) {
      const data = crop(latents, [channels, height, width], top, left, size);
      const pixels = await decode({ data, dims: [1, channels, size.rows, size.columns] });
      addWeighted(pixels, top * factor, left * factor, size.rows * factor, size.columns * factor);
    }
  }
  for (let i = 0; i < picture.length; i++) picture[i]! /= weights[i % weights.length]!;
  return picture;

  function addWeighted(pixels: Float32Array, top: number, left: number, tileRows: number, tileColumns: number): void {
    const overlap = OVERLAP * factor;
    for (let y = 0; y < tileRows; y++) {
      const rowWeight = rampWeight(y, tileRows, overlap);
      for (let x = 0; x < tileColumns; x++) {
        const weight = rowWeight * rampWeight(x, tileColumns, overlap);
        const at = (top + y) * columns + left + x;
        weights[at]! += weight;
        for (let c = 0; c < 3; c++) {
          picture[c * weights.length + at]! += weight * pixels[(c * tileRows + y) * tileColumns + x]!;
        }
      }
    }
  }
}

function crop(
  planes: Float32Array,
  [channels, height, width]: readonly [number, number, number],
  top: number,
  left: number,
  size: { rows: number; columns: number },
): Float32Array {
  const out = new Float32Array(channels * size.rows * size.columns);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < size.rows; y++) {
      const from = (c * height + top + y) * width + left;
      out.set(planes.subarray(from, from + size.columns), (c * size.rows + y) * size.columns);
    }
  }
  return out;
}
