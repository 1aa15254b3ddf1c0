import {
  createSession,
  freeAll,
  type HostTensor,
  type Lazy,
  lazy,
  type Session,
  type SessionOptions,
} from "../onnx/index.ts";
import type { Weights } from "../weights/index.ts";
import type { VaeConfig } from "./checkpoint/config.ts";
import { buildVaeDecoder, buildVaeDecoderMiddle, buildVaeDecoderUp, decoderReach, spatialFactor } from "./vae.ts";

/** The decoder of a VAE, loaded. */
export interface VaeDecoder {
  /** Normalised latents [B, C, h, w] → planes [B, 3, 8h, 8w] in -1…1. */
  decode(latents: HostTensor): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/**
 * Most latent positions for the up blocks at once, with the surroundings of a tile: 1024×1024 pixels. For these the VAE of Qwen-Image takes
 * 1.9 GB (measured; the middle block alone 0.3 GB). The number is constant, so that an image does not depend on free memory.
 */
const MOST_POSITIONS = 128 * 128;

/**
 * Latent positions that fit in this much GPU memory, at most `MOST_POSITIONS`. About five tensors of the last level's size exist at
 * the same time, as measured on the processor. A tile is at least three times as wide as its field of view.
 * @param bytes undefined if the device does not report its memory
 */
export function positionsAtOnce(config: VaeConfig, bytes: number | undefined): number {
  if (bytes === undefined) return MOST_POSITIONS;
  const perPosition = 5 * 4 * config.base_dim * spatialFactor(config) ** 2;
  const least = (3 * decoderReach(config)) ** 2;
  return Math.min(MOST_POSITIONS, Math.max(least, Math.floor(bytes / perPosition)));
}

/**
 * Opens the decoder. Large images take bounded memory and equal those decoded as a whole. The middle block, whose attention sees all
 * positions, runs on all of the small latents. The up blocks run in tiles that overlap by their field of view.
 * An image that fits into one piece uses one session: two sessions take a fifth more processor time.
 *
 * @param most latent positions for the up blocks at once
 */
export async function openVaeDecoder(
  config: VaeConfig,
  weights: Weights,
  options: SessionOptions,
  most = MOST_POSITIONS,
): Promise<VaeDecoder> {
  const open = (build: typeof buildVaeDecoder) => createSession(build(config, weights, options.device), options);
  const whole = lazy(() => open(buildVaeDecoder));
  const middle = lazy(() => open(buildVaeDecoderMiddle));
  const up = lazy(() => open(buildVaeDecoderUp));
  const free = (...sessions: Lazy<Session>[]) =>
    freeAll(sessions.map((session) => () => session.free((opened) => opened.release())));
  const tiling = { reach: decoderReach(config), factor: spatialFactor(config), most };
  await whole.get(); // reports unusable weights now
  return {
    // The session of an image in one piece stays loaded, because images usually have the same size.
    async decode(latents) {
      if (isOnePiece(latents, tiling)) {
        await free(middle, up);
        return (await (await whole.get()).run({ latents })).picture!.data;
      }
      await free(whole);
      // Both sessions would keep the working memory of their largest run. The next image opens them again, in a small part of its time.
      try {
        const { features } = await (await middle.get()).run({ latents });
        await free(middle);
        const decoder = await up.get();
        return await inTiles(features!, tiling, async (tile) => (await decoder.run({ features: tile })).picture!.data);
      } finally {
        await free(middle, up);
      }
    },
    dispose: () => free(whole, middle, up),
  };
}

function isOnePiece({ dims }: HostTensor, { reach, most }: Tiling): boolean {
  const [batch, , height, width] = dims as [number, number, number, number];
  return planTiles(height, width, reach, most / batch).length === 1;
}

interface Tiling {
  /** Positions around a tile that affect its result. */
  readonly reach: number;
  /** Pixels per latent position. */
  readonly factor: number;
  /** Most positions to decode at once, reach included. */
  readonly most: number;
}

/**
 * Decodes tile by tile. Each tile is decoded with the surroundings that affect it, which are then cut off.
 *
 * @param features [B, C, h, w]
 * @param decode [B, C, th, tw] → [B, 3, factor·th, factor·tw]
 * @returns [B, 3, factor·h, factor·w]
 */
export async function inTiles(
  features: HostTensor,
  { reach, factor, most }: Tiling,
  decode: (tile: HostTensor) => Promise<Float32Array>,
): Promise<Float32Array> {
  const [batch, channels, height, width] = features.dims as [number, number, number, number];
  const tiles = planTiles(height, width, reach, most / batch);
  if (tiles.length === 1) return decode(features);
  const picture = new Float32Array(batch * 3 * height * width * factor * factor);
  for (const { rows, columns } of tiles) {
    const [high, wide] = [rows.end - rows.start, columns.end - columns.start];
    const part = new Float32Array(batch * channels * high * wide);
    const source = { data: features.data, width, height, top: rows.start, left: columns.start };
    copyPlanes(source, { data: part, width: wide, height: high, top: 0, left: 0 }, high, wide);
    const decoded = await decode({ data: part, dims: [batch, channels, high, wide] });
    const [top, left] = [(rows.from - rows.start) * factor, (columns.from - columns.start) * factor];
    copyPlanes(
      { data: decoded, width: wide * factor, height: high * factor, top, left },
      {
        data: picture,
        width: width * factor,
        height: height * factor,
        top: rows.from * factor,
        left: columns.from * factor,
      },
      (rows.to - rows.from) * factor,
      (columns.to - columns.from) * factor,
    );
  }
  return picture;
}

/** A part of an axis: `start` up to `end` is decoded, `from` up to `to` of it is kept. */
interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly start: number;
  readonly end: number;
}

interface Tile {
  readonly rows: Stretch;
  readonly columns: Stretch;
}

/**
 * The tiles that cover a grid with the least work. Each has at most `most` positions, surroundings included, if the surroundings leave room
 * for a tile.
 */
export function planTiles(height: number, width: number, reach: number, most: number): Tile[] {
  let best: { work: number; rows: Stretch[]; columns: Stretch[] } | undefined;
  for (let count = 1; count <= width; count++) {
    const columns = stretches(width, count, reach);
    const rows = fewestStretches(height, reach, most / longest(columns));
    const work = rows ? total(rows) * total(columns) : Number.POSITIVE_INFINITY;
    if (rows && work < (best?.work ?? Number.POSITIVE_INFINITY)) best = { work, rows, columns };
    if (width / count < reach) break; // narrower ones consist mostly of surroundings
  }
  const { rows, columns } = best ?? {
    rows: stretches(height, Math.ceil(height / reach), reach),
    columns: stretches(width, Math.ceil(width / reach), reach),
  };
  return rows.flatMap((row) => columns.map((column) => ({ rows: row, columns: column })));
}

/** The smallest number of parts with at most `most` positions each; undefined when the surroundings leave too little room. */
function fewestStretches(length: number, reach: number, most: number): Stretch[] | undefined {
  for (let count = Math.max(1, Math.floor(length / most)); count <= length; count++) {
    const parts = stretches(length, count, reach);
    if (longest(parts) <= most) return parts;
    if (length / count < reach) return undefined;
  }
  return undefined;
}

function longest(parts: readonly Stretch[]): number {
  return Math.max(...parts.map(({ start, end }) => end - start));
}

/** `count` parts of nearly equal length. */
function stretches(length: number, count: number, reach: number): Stretch[] {
  const at = (i: number) => Math.round((i * length) / count);
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = [at(i), at(i + 1)];
    return { from, to, start: Math.max(0, from - reach), end: Math.min(length, to + reach) };
  });
}

function total(parts: readonly Stretch[]): number {
  return parts.reduce((sum, { start, end }) => sum + end - start, 0);
}

/** Planes of one image or batch, and a position in each of them. */
interface Planes {
  readonly data: Float32Array;
  readonly width: number;
  readonly height: number;
  readonly top: number;
  readonly left: number;
}

/** Copies a rectangle of every plane. */
function copyPlanes(from: Planes, to: Planes, rows: number, columns: number): void {
  const planes = from.data.length / (from.width * from.height);
  for (let plane = 0; plane < planes; plane++) {
    for (let y = 0; y < rows; y++) {
      const source = (plane * from.height + from.top + y) * from.width + from.left;
      const target = (plane * to.height + to.top + y) * to.width + to.left;
      to.data.set(from.data.subarray(source, source + columns), target);
    }
  }
}
