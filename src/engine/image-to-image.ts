import type { GrayImage, RgbImage } from "../pictures/index.ts";
import type { LatentGrid } from "./latents.ts";
import type { Model } from "./model.ts";
import { fromRgb } from "./pixels.ts";

/** A picture to start from, in latent space: image-to-image, and inpainting when part of it is to be kept. */
export interface StartingImage {
  /** The picture at noise level σ: `σ · noise + (1 - σ) · picture`. All packed, [L, 4C]. */
  atNoiseLevel(sigma: number, noise: Float32Array): Float32Array;
  /**
   * Puts the kept part back after a step: latents where the mask lets them change, else the picture at that noise level.
   * @param progress steps done over steps to do, 0…1
   */
  keep(latents: Float32Array, sigma: number, noise: Float32Array, progress: number): Float32Array;
}

/**
 * Encodes the picture (posterior mean) and lays the mask over the latents.
 *
 * White is repainted, black kept. A grey of g is released for the last share g of the steps, so it changes as much as
 * image-to-image of strength g would change it. Source: `QwenImageInpaintPipeline` for black and white;
 * Levin and Fried, "Differential Diffusion" (2023) for grey.
 */
export async function startingImage(
  model: Model,
  grid: LatentGrid,
  image: RgbImage,
  mask: GrayImage | undefined,
): Promise<StartingImage> {
  const planes = { data: fromRgb(image), dims: [1, 3, image.height, image.width] };
  const picture = grid.pack(await model.encodePicture(planes)); // [L, 4C]
  const change = mask && grid.pack(maskPlanes(mask, grid, model.pixelFactor)); // [L, 4C], 0…1
  const atNoiseLevel = (sigma: number, noise: Float32Array) =>
    picture.map((z, i) => Math.fround(sigma * noise[i]!) + Math.fround(Math.fround(1 - sigma) * z));
  return {
    atNoiseLevel,
    keep(latents, sigma, noise, progress) {
      if (!change) return latents;
      const kept = atNoiseLevel(sigma, noise);
      return latents.map((x, i) => (change[i]! > 0 && change[i]! >= 1 - progress ? x : kept[i]!));
    },
  };
}

/** Each latent position takes the mask's top-left pixel of its cell, the same for all channels: [C, height, width], 0…1. */
function maskPlanes({ width, pixels }: GrayImage, grid: LatentGrid, factor: number): Float32Array {
  const area = grid.height * grid.width;
  const planes = new Float32Array(grid.channels * area);
  for (let y = 0; y < grid.height; y++) {
    for (let x = 0; x < grid.width; x++) planes[y * grid.width + x] = pixels[y * factor * width + x * factor]! / 255;
  }
  for (let c = 1; c < grid.channels; c++) planes.copyWithin(c * area, 0, area);
  return planes;
}
