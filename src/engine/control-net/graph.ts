import { type BuiltGraph, type Device, Graph, linear, parts, shapeWith } from "../../onnx/index.ts";
import type { Weights } from "../../weights/index.ts";
import {
  type BlockContext,
  blockModulations,
  dualStreamBlock,
  embedInputs,
  modulationCount,
  type Streams,
  WIDE,
} from "../transformer-block.ts";
import type { ControlNetConfig } from "./config.ts";

/**
 * QwenImageControlNetModel: a few transformer blocks that see a guide and the latents. A linear layer for each block turns its image stream
 * into a residual for the transformer. Model spec 9.
 *
 * Inputs:
 * - `latents` [B, L, in_channels], `guide` [B, L, in_channels + extra_condition_channels], `text` [B, T, features]
 * - `cos` and `sin` [T + L, headDim/2]
 * - `modulation` [12 · blocks · dim]
 * - `strengths` [blocks], one factor for each residual
 *
 * Outputs: `residual/<i>` [B, L, dim].
 */
export function buildControlNet(config: ControlNetConfig, weights: Weights, device?: Device): BuiltGraph {
  const { num_attention_heads: heads, attention_head_dim: headDim, num_layers: layers } = config;
  const { in_channels: channels, joint_attention_dim: features } = config;
  const dim = heads * headDim;
  const g = new Graph("ControlNet", weights, undefined, device);
  const latents = g.input("latents", ["B", "L", channels]);
  const text = g.input("text", ["B", "T", features]);
  const guideChannels = channels + config.extra_condition_channels;
  const guide = g.op("Reshape", [g.input("guide", ["B", "L", guideChannels]), g.ints([-1, guideChannels])]);
  const context: BlockContext = {
    ...{ g, heads, headDim, dim },
    imageShape: shapeWith(g, latents, 2, dim),
    textShape: shapeWith(g, text, 2, dim),
    textLength: g.op("Shape", [text], { start: 1, end: 2 }),
    cos: g.input("cos", ["T+L", headDim / 2]),
    sin: g.input("sin", ["T+L", headDim / 2]),
  };
  const count = modulationCount(config, false);
  const vectors = parts(g, g.input("modulation", [count * dim]), count, dim);
  const strengths = parts(g, g.input("strengths", [layers]), layers, 1);

  const embedded = embedInputs(g, latents, text, { channels, features, dim });
  const seen = linear(g, guide, "controlnet_x_embedder", guideChannels, dim, WIDE);
  let streams: Streams = { ...embedded, image: g.op("Add", [embedded.image, seen]) };
  for (const [i, modulations] of blockModulations(vectors, layers).entries()) {
    streams = dualStreamBlock(context, `transformer_blocks.${i}`, streams, modulations, i === layers - 1);
    const residual = g.op("Mul", [linear(g, streams.image, `controlnet_blocks.${i}`, dim, dim, WIDE), strengths[i]!]);
    g.outputOnDevice(`residual/${i}`, g.op("Reshape", [residual, context.imageShape]), ["B", "L", dim]);
  }
  return g.build();
}
