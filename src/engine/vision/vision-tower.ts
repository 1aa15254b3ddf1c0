import { createSession, type HostTensor, type SessionOptions } from "../../onnx/index.ts";
import type { RgbImage } from "../../pictures/index.ts";
import type { Weights } from "../../weights/index.ts";
import type { VisionConfig } from "../checkpoint/config.ts";
import { patchRotary, type RotaryTable } from "../rope.ts";
import { type Patches, patchesOf } from "./patches.ts";
import { buildVisionTower } from "./tower.ts";
import { padWindows, windowOrder } from "./windows.ts";

/** An image as the input of the text encoder: one token for each cell, row by row. */
export interface ImageTokens {
  readonly rows: number;
  readonly columns: number;
  readonly tokens: HostTensor; // [rows · columns, features]
}

/** The vision tower of a checkpoint. */
export interface VisionTower {
  see(picture: RgbImage): Promise<ImageTokens>;
  dispose(): Promise<void>;
}

/**
 * Loads the vision tower.
 * @throws CheckpointError when a tensor is missing or has another shape
 */
export async function visionTower(
  config: VisionConfig,
  weights: Weights,
  options: SessionOptions,
): Promise<VisionTower> {
  const session = await createSession(buildVisionTower(config, weights), options);
  const { patch_size: patch, spatial_merge_size: merge, temporal_patch_size: frames } = config;
  return {
    async see(picture) {
      const { feeds, cells, rows, columns } = towerFeeds(patchesOf(picture, { patch, merge, frames }), config);
      const { tokens } = await session.run(feeds);
      return { rows, columns, tokens: inRasterOrder(tokens!, cells) };
    },
    dispose: session.release,
  };
}

/** Inputs of the tower's graph for one image, and the raster index of each cell in its output. */
export function towerFeeds({ values, grid }: Patches, config: VisionConfig) {
  const merge = config.spatial_merge_size;
  const [rows, columns] = [grid.rows / merge, grid.columns / merge];
  const { cells, sizes } = windowOrder(rows, columns, config.window_size / config.patch_size / merge);
  const perCell = merge * merge;
  const length = values.length / (grid.rows * grid.columns); // values of a patch
  const patches = new Float32Array(values.length);
  const stride = perCell * length;
  cells.forEach((cell, i) => {
    patches.set(values.subarray(cell * stride, (cell + 1) * stride), i * stride);
  });
  const padded = padWindows(sizes.map((size) => size * perCell));
  const places = padded.windows * padded.length;
  const feeds = {
    patches: { data: patches, dims: [values.length / length, length] },
    ...(patchRotary(patchPositions(cells, columns, merge), config.hidden_size / config.num_heads) as RotaryTable),
    rows: { data: padded.rows, dims: [places] },
    places: { data: padded.places, dims: [padded.places.length] },
    bias: { data: padded.bias, dims: [padded.windows, 1, padded.length, padded.length] },
  };
  return { feeds, cells, rows, columns };
}

/** Row and column of every patch, cell by cell. */
function patchPositions(cells: Int32Array, columns: number, merge: number): (readonly [row: number, column: number])[] {
  return [...cells].flatMap((cell) => {
    const [top, left] = [Math.floor(cell / columns) * merge, (cell % columns) * merge];
    return Array.from({ length: merge * merge }, (_, i) => [top + Math.floor(i / merge), left + (i % merge)] as const);
  });
}

function inRasterOrder({ data, dims }: HostTensor, cells: Int32Array): HostTensor {
  const width = dims[1]!;
  const ordered = new Float32Array(data.length);
  cells.forEach((cell, i) => {
    ordered.set(data.subarray(i * width, (i + 1) * width), cell * width);
  });
  return { data: ordered, dims };
}
