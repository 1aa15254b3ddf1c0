import type { RgbImage } from "../pictures/index.ts";
import type { Model } from "./model.ts";
import { toRgb } from "./pixels.ts";

/** Latent planes → a rough image with one pixel for each latent position. */
export type Previewer = (planes: Float32Array, width: number, height: number) => RgbImage;

/** Side of the flat latents that are decoded to measure the colour of a channel. Their middle is free of border effects. */
const PROBE = 8;

/**
 * Fits the best simple preview, colour = bias + Σ weight · channel. It decodes flat latents: all zero, then each channel at +1 and at -1.
 * It works for any VAE, and costs one small decode for each checkpoint.
 */
export async function fitPreviewer(model: Model): Promise<Previewer> {
  const channels = model.latentChannels;
  const probes = 2 * channels + 1;
  const area = PROBE * PROBE;
  const data = new Float32Array(probes * channels * area);
  for (let c = 0; c < channels; c++) {
    data.fill(1, ((2 * c + 1) * channels + c) * area, ((2 * c + 1) * channels + c + 1) * area);
    data.fill(-1, ((2 * c + 2) * channels + c) * area, ((2 * c + 2) * channels + c + 1) * area);
  }
  const decoded = await model.decodeLatents({ data, dims: [probes, channels, PROBE, PROBE] });
  const side = PROBE * model.pixelFactor;
  const middle = (side / 2) * side + side / 2;
  const colour = (probe: number, rgb: number) => decoded[(probe * 3 + rgb) * side * side + middle]!;
  const bias = [0, 1, 2].map((rgb) => colour(0, rgb));
  const weights = [0, 1, 2].map((rgb) =>
    Array.from({ length: channels }, (_, c) => (colour(2 * c + 1, rgb) - colour(2 * c + 2, rgb)) / 2),
  );
  return (planes, width, height) => {
    const size = width * height;
    const rough = new Float32Array(3 * size);
    for (let rgb = 0; rgb < 3; rgb++) {
      for (let i = 0; i < size; i++) {
        let value = bias[rgb]!;
        for (let c = 0; c < channels; c++) value += weights[rgb]![c]! * planes[c * size + i]!;
        rough[rgb * size + i] = value;
      }
    }
    return toRgb(rough, width, height);
  };
}
