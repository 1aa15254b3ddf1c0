import type { AnyTensor, HostTensor } from "../onnx/index.ts";
import type { GrayImage, RgbImage } from "../pictures/index.ts";
import type { LatentArithmetic } from "./arithmetic/step-memory.ts";
import type { LatentGrid } from "./latents.ts";
import type { Model } from "./model.ts";
import { fromRgb } from "./pixels.ts";

/** A seed image in latent space: for image-to-image, and with a mask for inpainting. */
export interface StartingImage {
  /** The image at noise level σ: `σ · noise + (1 - σ) · picture`. All packed, [1, L, 4C]. */
  atNoiseLevel(arithmetic: LatentArithmetic, sigma: number, noise: HostTensor): Promise<AnyTensor>;
  /**
   * Restores the masked part after a step: latents where the mask lets them change, elsewhere the image at this noise level.
   * @param progress finished share of the steps, 0…1
   */
  keep(
    arithmetic: LatentArithmetic,
    latents: AnyTensor,
    sigma: number,
    noise: HostTensor,
    progress: number,
  ): Promise<AnyTensor>;
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
  const dims = [1, grid.tokens, grid.features];
  const picture = { data: grid.pack(await model.encodePicture(planes)), dims };
  const changing = mask && changingPart(grid.pack(maskPlanes(mask, grid, model.pixelFactor)));
  const atNoiseLevel = ({ roundedSum }: LatentArithmetic, sigma: number, noise: HostTensor) =>
    roundedSum([
      [sigma, noise],
      [Math.fround(1 - sigma), picture],
    ]);
  return {
    atNoiseLevel,
    async keep(arithmetic, latents, sigma, noise, progress) {
      if (!changing) return latents;
      const kept = await atNoiseLevel(arithmetic, sigma, noise);
      return arithmetic.choose({ data: changing(progress), dims }, latents, kept);
    },
  };
}

/**
 * 1 where latents may have changed by now, elsewhere 0. An equal result is the same array, so that it is uploaded once.
 * @param change 0…1 for each value
 */
function changingPart(change: Float32Array): (progress: number) => Float32Array {
  let latest = new Float32Array();
  return (progress) => {
    const now = change.map((share) => (share > 0 && share >= 1 - progress ? 1 : 0));
    if (latest.length === 0 || now.some((value, i) => value !== latest[i])) latest = now;
    return latest;
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
