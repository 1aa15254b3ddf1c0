import { join } from "node:path";
import { z } from "zod";
import { CheckpointError, openWeights, type Weights } from "../../weights/index.ts";
import { readConfig } from "../checkpoint/config.ts";
import { buildTimeGraph } from "../modulations.ts";
import { type ControlNetConfig, controlNetConfig } from "./config.ts";
import { buildControlNet } from "./graph.ts";

/** Prefixes of the tensors of a QwenImageControlNetModel. */
const PARTS =
  /^(img_in|txt_in|txt_norm|time_text_embed|controlnet_x_embedder|(?:transformer|controlnet)_blocks\.\d+)\./;

/**
 * The `config.json` of a ControlNet that consists of a safetensors file only. Every size comes from a tensor. The rotary axes do not appear
 * in tensors, so they are those of the transformer.
 *
 * @param folder with `diffusion_pytorch_model.safetensors`
 * @throws CheckpointError naming a tensor that is missing, unknown, or has another shape than in a QwenImageControlNetModel
 */
export async function controlNetFromTensors(folder: string): Promise<ControlNetConfig> {
  const weights = await openWeights(folder, "diffusion_pytorch_model");
  const foreign = weights.names.filter((name) => !PARTS.test(name));
  if (foreign.length > 0) {
    const some = foreign.slice(0, 5).join(", ");
    throw new CheckpointError(`${folder}: it has tensors that a QwenImageControlNetModel does not have: ${some}`);
  }
  const config = sizes(weights);
  requireTensors(config, weights);
  return config;
}

/**
 * Checks that a folder holds a complete ControlNet: its config, and every tensor that the config requires.
 * @throws CheckpointError naming a tensor that is missing or has another shape
 */
export async function checkControlNet(folder: string): Promise<void> {
  const config = await readConfig(join(folder, "config.json"), controlNetConfig);
  requireTensors(config, await openWeights(folder, "diffusion_pytorch_model"));
}

/** Building the graphs requests every tensor by its shape, and reads none of them. */
function requireTensors(config: ControlNetConfig, weights: Weights): void {
  buildTimeGraph(config, weights, { head: false });
  buildControlNet(config, weights);
}

function sizes(weights: Weights): ControlNetConfig {
  const shape = (name: string, rank: number) => {
    const found = weights.find(name);
    if (found?.shape.length === rank) return found.shape as [number, number];
    const has = found ? `has shape [${found.shape}]` : "is missing";
    throw new CheckpointError(
      `${weights.folder}: tensor "${name}" ${has}; a QwenImageControlNetModel has one of rank ${rank}`,
    );
  };
  const [dim, channels] = shape("img_in.weight", 2);
  const [, features] = shape("txt_in.weight", 2);
  const [, guideChannels] = shape("controlnet_x_embedder.weight", 2);
  const [headDim] = shape("transformer_blocks.0.attn.norm_q.weight", 1);
  const extra = guideChannels - channels;
  const refuse = (what: string) => new CheckpointError(`${weights.folder}: ${what}`);
  if (dim % headDim !== 0) throw refuse(`its width ${dim} is not a multiple of the width of its heads, ${headDim}`);
  if (extra !== 0 && extra !== 4)
    throw refuse(
      `controlnet_x_embedder takes ${guideChannels} channels; allowed are ${channels}, or ${channels + 4} for inpainting`,
    );
  const config = {
    _class_name: "QwenImageControlNetModel",
    patch_size: 2,
    in_channels: channels,
    num_layers: layers(weights),
    attention_head_dim: headDim,
    num_attention_heads: dim / headDim,
    joint_attention_dim: features,
    extra_condition_channels: extra,
  };
  const checked = controlNetConfig.safeParse(config);
  if (!checked.success) throw refuse(z.prettifyError(checked.error));
  return checked.data;
}

function layers(weights: Weights): number {
  const count = (part: string) =>
    new Set(weights.names.filter((name) => name.startsWith(`${part}.`)).map((name) => name.split(".")[1])).size;
  const [blocks, outputs] = [count("transformer_blocks"), count("controlnet_blocks")];
  if (blocks === outputs) return blocks;
  throw new CheckpointError(
    `${weights.folder}: it has ${blocks} transformer_blocks and ${outputs} controlnet_blocks; both numbers must be equal`,
  );
}
