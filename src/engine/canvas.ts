import { pack, unpack } from "./latents.ts";
import type { Model } from "./model.ts";

/** The latent space of one picture size. */
export interface Canvas {
  /** Latent positions. */
  readonly height: number;
  readonly width: number;
  /** Token grid. */
  readonly rows: number;
  readonly columns: number;
  readonly tokens: number; // L
  readonly channels: number; // C
  /** Values per token, 4C. */
  readonly features: number;
  /** Planes [C, height, width] → tokens [L, 4C], and back. */
  pack(planes: Float32Array): Float32Array;
  unpack(tokens: Float32Array): Float32Array;
}

/** @param size pixels, multiples of 16 */
export function canvasFor(model: Model, size: { width: number; height: number }): Canvas {
  const channels = model.latentChannels;
  const [height, width] = [size.height / model.pixelFactor, size.width / model.pixelFactor];
  return {
    height,
    width,
    rows: height / 2,
    columns: width / 2,
    tokens: (height * width) / 4,
    channels,
    features: channels * 4,
    pack: (planes) => pack(planes, channels, height, width),
    unpack: (tokens) => unpack(tokens, channels, height, width),
  };
}
