import { z } from "zod";
import { CheckpointError } from "../../weights/index.ts";
import { off, type TransformerConfig } from "../checkpoint/config.ts";

const size = z.number().int().positive();

/** `config.json` of a QwenImageControlNetModel. */
export const controlNetConfig = z.strictObject({
  _class_name: z.literal("QwenImageControlNetModel"),
  _diffusers_version: z.string().optional(),
  _name_or_path: z.string().nullish(),
  patch_size: z.literal(2).default(2),
  in_channels: size,
  out_channels: size.nullish(),
  num_layers: size,
  attention_head_dim: size,
  num_attention_heads: size,
  joint_attention_dim: size,
  /** Default: as in the transformer. */
  axes_dims_rope: z.tuple([size, size, size]).optional(),
  /** 4 for inpainting: the mask's part of a token. */
  extra_condition_channels: z.union([z.literal(0), z.literal(4)]).default(0),
  /** Copied from the transformer by `from_transformer` of diffusers. */
  guidance_embeds: off,
  zero_cond_t: off,
  use_additional_t_cond: off,
  use_layer3d_rope: off,
  pooled_projection_dim: z.number().nullish(),
});
export type ControlNetConfig = z.infer<typeof controlNetConfig>;

/** @throws CheckpointError naming a size that differs from that of the transformer */
export function checkFits(folder: string, config: ControlNetConfig, transformer: TransformerConfig): void {
  const sizes = ["in_channels", "attention_head_dim", "num_attention_heads", "joint_attention_dim", "axes_dims_rope"];
  for (const name of sizes as (keyof ControlNetConfig & keyof TransformerConfig)[]) {
    if (config[name] !== undefined && String(config[name]) !== String(transformer[name])) {
      throw new CheckpointError(`${folder}: ${name} is ${config[name]}, the transformer's is ${transformer[name]}`);
    }
  }
}
