import type { HostTensor } from "../../onnx/index.ts";
import type { GrayImage } from "../../pictures/index.ts";
import type { LatentGrid } from "../latents.ts";
import { pack } from "../latents.ts";
import type { Model } from "../model.ts";
import { fromRgb } from "../pixels.ts";
import type { ControlParams } from "./params.ts";

/**
 * Encodes a guide image for a ControlNet: as the mean of the VAE's posterior (no random numbers), packed like latents. For inpainting,
 * the area to change is black in every channel (-1), and an additional channel is 1 - mask.
 *
 * Source: `QwenImageControlNetPipeline` and `QwenImageControlNetInpaintPipeline` of diffusers; model spec 6.9.
 *
 * @param mask for inpainting ControlNets only
 * @returns [1, L, 4C] or [1, L, 4C + 4]
 */
export async function encodeGuide(
  model: Model,
  grid: LatentGrid,
  { image }: Pick<ControlParams, "image">,
  mask: GrayImage | undefined,
): Promise<HostTensor> {
  const area = image.width * image.height;
  const picture = fromRgb(image); // [3, H, W]
  if (mask) for (let i = 0; i < picture.length; i++) if (isPainted(mask.pixels[i % area]!)) picture[i] = -1;
  const latents = await model.encodePicture({ data: picture, dims: [1, 3, image.height, image.width] }); // [C, h, w]
  if (!mask) return { data: grid.pack(latents), dims: [1, grid.tokens, grid.features] };
  const kept = keptCells(mask, grid, model.pixelFactor);
  const planes = new Float32Array(latents.length + kept.length); // [C + 1, h, w]
  planes.set(latents);
  planes.set(kept, latents.length);
  const channels = grid.channels + 1;
  return { data: pack(planes, channels, grid.height, grid.width), dims: [1, grid.tokens, channels * 4] };
}

/** Each latent position takes the top-left mask pixel of its cell: [h, w], 1 where the image stays. */
function keptCells({ width, pixels }: GrayImage, grid: LatentGrid, factor: number): Float32Array {
  return Float32Array.from({ length: grid.height * grid.width }, (_, i) => {
    const [y, x] = [Math.floor(i / grid.width), i % grid.width];
    return isPainted(pixels[y * factor * width + x * factor]!) ? 0 : 1;
  });
}

/** ControlNets use black-and-white masks: values are rounded. */
function isPainted(grey: number): boolean {
  return grey >= 128;
}
