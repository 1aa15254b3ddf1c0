import { type BuiltGraph, Graph, silu } from "../onnx/index.ts";
import type { Weights } from "../weights/index.ts";
import type { VaeConfig } from "./checkpoint/config.ts";
import { channelNorm, conv2d, frameConv, midBlock, resnet } from "./vae-layers.ts";

/** Pixels per latent position: every level but the last halves the picture. */
export function spatialFactor(config: VaeConfig): number {
  return 2 ** config.temperal_downsample.length;
}

/**
 * Picture → posterior mean, normalised for the transformer.
 * Input: `picture` [B, 3, H, W] in -1…1. Output: `latents` [B, z_dim, H/8, W/8].
 */
export function buildVaeEncoder(config: VaeConfig, weights: Weights): BuiltGraph {
  const g = new Graph("VAE encoder", weights);
  const { base_dim: base, dim_mult: multipliers, num_res_blocks: resnets, z_dim: z } = config;
  let x = g.input("picture", ["B", 3, "H", "W"]);
  let channels = base;
  x = frameConv(g, x, "encoder.conv_in", 3, channels, 3);
  let index = 0;
  multipliers.forEach((multiplier, level) => {
    const to = base * multiplier;
    for (let r = 0; r < resnets; r++) {
      x = resnet(g, x, `encoder.down_blocks.${index++}`, channels, to);
      channels = to;
    }
    if (level === multipliers.length - 1) return;
    const halve = { size: 3, stride: 2, pads: [0, 0, 1, 1] };
    x = conv2d(g, x, `encoder.down_blocks.${index++}.resample.1`, channels, channels, halve);
  });
  x = midBlock(g, x, "encoder.mid_block", channels);
  x = silu(g, channelNorm(g, x, "encoder.norm_out", channels));
  x = frameConv(g, x, "encoder.conv_out", channels, 2 * z, 3);
  x = frameConv(g, x, "quant_conv", 2 * z, 2 * z, 1);
  const mean = g.op("Slice", [x, g.ints([0]), g.ints([z]), g.ints([1])]); // the other half is the log variance
  const centred = g.op("Sub", [mean, g.floats(config.latents_mean, [1, z, 1, 1])]);
  const latents = g.op("Div", [centred, g.floats(config.latents_std, [1, z, 1, 1])]);
  g.output("latents", latents, ["B", z, "h", "w"]);
  return g.build();
}

/**
 * Normalised latents → picture.
 * Input: `latents` [B, z_dim, h, w]. Output: `picture` [B, 3, 8h, 8w], clamped to -1…1.
 */
export function buildVaeDecoder(config: VaeConfig, weights: Weights): BuiltGraph {
  const g = new Graph("VAE decoder", weights);
  const { base_dim: base, dim_mult: multipliers, num_res_blocks: resnets, z_dim: z } = config;
  const latents = g.input("latents", ["B", z, "h", "w"]);
  const scaled = g.op("Mul", [latents, g.floats(config.latents_std, [1, z, 1, 1])]);
  let x = g.op("Add", [scaled, g.floats(config.latents_mean, [1, z, 1, 1])]);
  x = frameConv(g, x, "post_quant_conv", z, z, 1);
  let channels = base * multipliers.at(-1)!;
  x = frameConv(g, x, "decoder.conv_in", z, channels, 3);
  x = midBlock(g, x, "decoder.mid_block", channels);
  multipliers.toReversed().forEach((multiplier, level) => {
    const to = base * multiplier;
    const block = `decoder.up_blocks.${level}`;
    for (let r = 0; r <= resnets; r++) {
      x = resnet(g, x, `${block}.resnets.${r}`, channels, to);
      channels = to;
    }
    if (level === multipliers.length - 1) return;
    const doubled = g.op("Resize", [x, undefined, g.floats([1, 1, 2, 2])], {
      mode: "nearest",
      coordinate_transformation_mode: "asymmetric",
      nearest_mode: "floor",
    });
    const upsample = { size: 3, pads: [1, 1, 1, 1] };
    x = conv2d(g, doubled, `${block}.upsamplers.0.resample.1`, to, to / 2, upsample);
    channels = to / 2;
  });
  x = silu(g, channelNorm(g, x, "decoder.norm_out", channels));
  x = frameConv(g, x, "decoder.conv_out", channels, 3, 3);
  g.output("picture", g.op("Clip", [x, g.scalar(-1), g.scalar(1)]), ["B", 3, "H", "W"]);
  return g.build();
}
