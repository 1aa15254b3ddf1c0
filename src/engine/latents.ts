import type { Model } from "./model.ts";

/** Layout of latents: planes [C, h, w] for the VAE, tokens [L, 4C] for the transformer. A token is a 2×2 patch. */

/**
 * Planes → tokens, row by row; feature index = channel·4 + dy·2 + dx.
 * @param planes [channels, height, width], height and width even
 * @returns [height/2 · width/2, channels · 4]
 */
export function pack(planes: Float32Array, channels: number, height: number, width: number): Float32Array {
  const tokens = new Float32Array(planes.length);
  forEachPair(channels, height, width, (plane, token) => {
    tokens[token] = planes[plane]!;
  });
  return tokens;
}

/** Tokens → planes: the inverse of `pack`. */
export function unpack(tokens: Float32Array, channels: number, height: number, width: number): Float32Array {
  const planes = new Float32Array(tokens.length);
  forEachPair(channels, height, width, (plane, token) => {
    planes[plane] = tokens[token]!;
  });
  return planes;
}

function forEachPair(channels: number, height: number, width: number, visit: (plane: number, token: number) => void) {
  const columns = width / 2;
  const features = channels * 4;
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const token = (y >> 1) * columns + (x >> 1);
        visit((c * height + y) * width + x, token * features + c * 4 + (y & 1) * 2 + (x & 1));
      }
    }
  }
}

/** The latent space of one image size. */
export interface LatentGrid {
  /** Height in latent positions. */
  readonly height: number;
  readonly width: number;
  /** Height in tokens. */
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
export function latentGrid(model: Model, size: { width: number; height: number }): LatentGrid {
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
