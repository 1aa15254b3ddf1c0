import type { GrayImage, RgbImage } from "../pictures/index.ts";
import type { LatentGrid } from "./latents.ts";
import type { Model } from "./model.ts";
import { fromRgb } from "./pixels.ts";

/** A seed image in latent space: for image-to-image, and with a mask for inpainting. */
export interface StartingImage {
  /** The image at noise level σ: `σ · noise + (1 - σ) · picture`. All packed, [L, 4C]. */
  atNoiseLevel(sigma: number, noise: Float32Array): Float32Array;
  /**
   * Restores the masked part after a step: latents where the mask lets them change, elsewhere the image at this noise level.
   * @param progress finished share of the steps, 0…1
   */
  keep(latents: Float32Array, sigma: number, noise: Float32Array, progress: number): Float32Array;
}

/**
 * Encodes the image (posterior mean) and applies the mask to the latents.
 *
 * White changes, black stays. A grey of g may change during the last share g of the steps, as much as image-to-image of strength g
 * changes it. Source: `QwenImageInpaintPipeline` for black and white;
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

/** Each latent position takes the top-left mask pixel of its cell, for all channels: [C, height, width], 0…1. */
function maskPlanes({ width, pixels }: GrayImage, grid: LatentGrid, factor: number): Float32Array {
  const area = grid.height * grid.width;
  const planes = new Float32Array(grid.channels * area);
  for (let y = 0; y < grid.height; y++) {
    for (let x = 0; x < grid.width; x++) planes[y * grid.width + x] = pixels[y * factor * width + x * factor]! / 255;
  }
  for (let c = 1; c < grid.channels; c++) planes.copyWithin(c * area, 0, area);
  return planes;
}
