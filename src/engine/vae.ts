import { attention, type BuiltGraph, convolution, type Device, Graph, silu, type Value } from "../onnx/index.ts";
import type { Weights } from "../weights/index.ts";
import type { VaeConfig } from "./checkpoint/config.ts";

/** AutoencoderKLQwenImage for a single frame. Images are [B, C, H, W]. */

/** Pixels per latent position: every level except the last halves the image. */
export function spatialFactor(config: VaeConfig): number {
  return 2 ** config.temperal_downsample.length;
}

/**
 * Parts of the middle block's attention where it is written out. One head sees all positions, 16,384 of them at 1024². The smallest
 * image has four positions. An image in tiles has more than a thousand.
 */
const QUERY_PARTS = { whole: 4, middle: 64 };

/**
 * Image → posterior mean, normalised for the transformer.
 * Input: `picture` [B, 3, H, W] in -1…1. Output: `latents` [B, z_dim, H/8, W/8].
 */
export function buildVaeEncoder(config: VaeConfig, weights: Weights, device?: Device): BuiltGraph {
  const g = new Graph("VAE encoder", weights, undefined, device);
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
  x = midBlock(g, x, "encoder.mid_block", channels, QUERY_PARTS.whole);
  x = silu(g, channelNorm(g, x, "encoder.norm_out", channels));
  x = frameConv(g, x, "encoder.conv_out", channels, 2 * z, 3);
  x = frameConv(g, x, "quant_conv", 2 * z, 2 * z, 1);
  const mean = g.op("Slice", [x, g.ints([0]), g.ints([z]), g.ints([1])]); // the other half is the log variance
  const centred = g.op("Sub", [mean, g.floats(config.latents_mean, [1, z, 1, 1])]);
  const latents = g.op("Div", [centred, g.floats(config.latents_std, [1, z, 1, 1])]);
  g.output("latents", latents, ["B", z, "h", "w"]);
  return g.build();
}

/** Channels between the two halves of the decoder. */
export function decoderChannels({ base_dim: base, dim_mult: multipliers }: VaeConfig): number {
  return base * multipliers.at(-1)!;
}

/**
 * The whole decoder: normalised latents → image.
 * Input: `latents` [B, z_dim, h, w]. Output: `picture` [B, 3, 8h, 8w], clamped to -1…1.
 */
export function buildVaeDecoder(config: VaeConfig, weights: Weights, device?: Device): BuiltGraph {
  const g = new Graph("VAE decoder", weights, undefined, device);
  const latents = g.input("latents", ["B", config.z_dim, "h", "w"]);
  g.output("picture", upBlocks(g, config, decoderMiddle(g, config, latents, QUERY_PARTS.whole)), ["B", 3, "H", "W"]);
  return g.build();
}

/**
 * The first half of the decoder, which sees the whole image: normalised latents → input of the up blocks.
 * Input: `latents` [B, z_dim, h, w]. Output: `features` [B, decoderChannels, h, w].
 */
export function buildVaeDecoderMiddle(config: VaeConfig, weights: Weights, device?: Device): BuiltGraph {
  const g = new Graph("VAE decoder (middle)", weights, undefined, device);
  const latents = g.input("latents", ["B", config.z_dim, "h", "w"]);
  g.output("features", decoderMiddle(g, config, latents, QUERY_PARTS.middle), ["B", decoderChannels(config), "h", "w"]);
  return g.build();
}

function decoderMiddle(g: Graph, config: VaeConfig, latents: Value, queryParts: number): Value {
  const { z_dim: z } = config;
  const channels = decoderChannels(config);
  const scaled = g.op("Mul", [latents, g.floats(config.latents_std, [1, z, 1, 1])]);
  let x = g.op("Add", [scaled, g.floats(config.latents_mean, [1, z, 1, 1])]);
  x = frameConv(g, x, "post_quant_conv", z, z, 1);
  x = frameConv(g, x, "decoder.conv_in", z, channels, 3);
  return midBlock(g, x, "decoder.mid_block", channels, queryParts);
}

/**
 * The second half of the decoder, with a field of view of `decoderReach`: up blocks → image.
 * Input: `features` [B, decoderChannels, h, w]. Output: `picture` [B, 3, 8h, 8w], clamped to -1…1.
 */
export function buildVaeDecoderUp(config: VaeConfig, weights: Weights, device?: Device): BuiltGraph {
  const g = new Graph("VAE decoder (up)", weights, undefined, device);
  const features = g.input("features", ["B", decoderChannels(config), "h", "w"]);
  g.output("picture", upBlocks(g, config, features), ["B", 3, "H", "W"]);
  return g.build();
}

function upBlocks(g: Graph, config: VaeConfig, features: Value): Value {
  const { base_dim: base, dim_mult: multipliers, num_res_blocks: resnets } = config;
  let channels = decoderChannels(config);
  let x = features;
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
  return g.op("Clip", [x, g.scalar(-1), g.scalar(1)]);
}

/**
 * Field of view of the up blocks, in latent positions. Every 3×3 convolution sees one position farther at its level: two for each resnet,
 * one for an upsampler, one at the end. Norms see one position only. The result is 13 for the VAE of Qwen-Image.
 */
export function decoderReach({ dim_mult: multipliers, num_res_blocks: resnets }: VaeConfig): number {
  let reach = 1; // of the last convolution, in pixels
  multipliers.forEach((_, level) => {
    if (level > 0) reach = Math.ceil((reach + 1) / 2); // through the upsampler to the level below
    reach += 2 * (resnets + 1);
  });
  return reach;
}

/**
 * A causal 3-D convolution applied to one frame. Only the last of its temporal taps touches data, so it is a 2-D
 * convolution with that tap (model spec 5.1). Weight [to, from, size, size, size]; ONNX Runtime folds the slice at load.
 */
function frameConv(g: Graph, x: Value, name: string, from: number, to: number, size: 1 | 3): Value {
  const weight = g.weight(`${name}.weight`, [to, from, size, size, size]);
  const lastTap = size === 1 ? weight : g.op("Slice", [weight, g.ints([size - 1]), g.ints([size]), g.ints([2])]);
  const kernel = g.op("Squeeze", [lastTap, g.ints([2])]);
  const pad = (size - 1) / 2;
  return convolution(g, x, kernel, g.weight(`${name}.bias`, [to]), from, { pads: [pad, pad, pad, pad] });
}

/** An ordinary 2-D convolution. pads: top, left, bottom, right */
function conv2d(
  g: Graph,
  x: Value,
  name: string,
  from: number,
  to: number,
  { size, stride = 1, pads = [0, 0, 0, 0] }: { size: number; stride?: number; pads?: number[] },
): Value {
  const kernel = g.weight(`${name}.weight`, [to, from, size, size]);
  return convolution(g, x, kernel, g.weight(`${name}.bias`, [to]), from, { pads, strides: [stride, stride] });
}

/**
 * `x / max(‖x‖₂, 1e-12) · √C · gamma`, the norm over channels. gamma: [C, 1, 1, 1], in attention [C, 1, 1]
 *
 * The squares are summed by a product with a row of ones: ReduceL2 over a middle axis took a fifth of the decoder's time.
 */
function channelNorm(g: Graph, x: Value, name: string, channels: number, gammaRank: 3 | 4 = 4): Value {
  const gamma = g.weight(`${name}.gamma`, [channels, ...Array<number>(gammaRank - 1).fill(1)]);
  const factor = g.op("Mul", [g.op("Reshape", [gamma, g.ints([channels, 1])]), g.scalar(Math.sqrt(channels))]);
  const flat = g.op("Reshape", [x, g.ints([0, channels, -1])]); // [B, C, HW]
  const ones = g.floats(Array<number>(channels).fill(1), [1, channels]);
  const squares = g.op("MatMul", [ones, g.op("Mul", [flat, flat])]); // [B, 1, HW]
  const norm = g.op("Max", [g.op("Sqrt", [squares]), g.scalar(1e-12)]);
  const normed = g.op("Mul", [g.op("Div", [flat, norm]), factor]);
  return g.op("Reshape", [normed, g.op("Shape", [x])]);
}

/** `shortcut(x) + conv2(silu(norm2(conv1(silu(norm1(x))))))` */
function resnet(g: Graph, x: Value, name: string, from: number, to: number): Value {
  const shortcut = from === to ? x : frameConv(g, x, `${name}.conv_shortcut`, from, to, 1);
  const first = frameConv(g, silu(g, channelNorm(g, x, `${name}.norm1`, from)), `${name}.conv1`, from, to, 3);
  const second = frameConv(g, silu(g, channelNorm(g, first, `${name}.norm2`, to)), `${name}.conv2`, to, to, 3);
  return g.op("Add", [shortcut, second]);
}

/** Single-head attention over all positions, added to its input. */
function spatialAttention(g: Graph, x: Value, name: string, channels: number, queryParts: number): Value {
  const qkv = conv2d(g, channelNorm(g, x, `${name}.norm`, channels, 3), `${name}.to_qkv`, channels, 3 * channels, {
    size: 1,
  });
  const flat = g.op("Reshape", [qkv, g.ints([0, 0, -1])]); // [B, 3C, HW]
  const rows = g.op("Transpose", [flat], { perm: [0, 2, 1] }); // [B, HW, 3C]
  const [q, k, v] = g.ops("Split", [rows], 3, { axis: 2, num_outputs: 3 }) as [Value, Value, Value];
  const attended = g.op("Transpose", [attention(g, q, k, v, { heads: 1, headDim: channels, queryParts })], {
    perm: [0, 2, 1],
  }); // [B, C, HW]
  const spatial = g.op("Reshape", [attended, g.op("Shape", [x])]);
  return g.op("Add", [x, conv2d(g, spatial, `${name}.proj`, channels, channels, { size: 1 })]);
}

function midBlock(g: Graph, x: Value, name: string, channels: number, queryParts: number): Value {
  const first = resnet(g, x, `${name}.resnets.0`, channels, channels);
  const attended = spatialAttention(g, first, `${name}.attentions.0`, channels, queryParts);
  return resnet(g, attended, `${name}.resnets.1`, channels, channels);
}
