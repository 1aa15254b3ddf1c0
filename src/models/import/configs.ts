import { CheckpointError } from "../../weights/index.ts";
import type { Part } from "./parts.ts";

/** Config files of a checkpoint, as parsed JSON. */
export type Config = Readonly<Record<string, unknown>>;

/** Values that files of weights do not contain, as published with Qwen/Qwen-Image on the hub (20 billion weights). */
const REAL_ROPE_AXES = [16, 56, 56];
const REAL_TEXT = {
  architectures: ["Qwen2_5_VLForConditionalGeneration"],
  model_type: "qwen2_5_vl",
  hidden_size: 3584,
  intermediate_size: 18944,
  num_hidden_layers: 28,
  num_attention_heads: 28,
  num_key_value_heads: 4,
  hidden_act: "silu",
  rms_norm_eps: 1e-6,
  rope_theta: 1e6,
  rope_scaling: { type: "mrope", mrope_section: [16, 24, 24] },
  use_sliding_window: false,
  vision_config: {},
};
const REAL_VAE = {
  _class_name: "AutoencoderKLQwenImage",
  base_dim: 96,
  z_dim: 16,
  dim_mult: [1, 2, 4, 4],
  num_res_blocks: 2,
  attn_scales: [],
  temperal_downsample: [false, true, true],
  dropout: 0,
  latents_mean: [
    -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, 0.4134, -0.0715, 0.5517, -0.3632, -0.1922,
    -0.9497, 0.2503, -0.2921,
  ],
  latents_std: [
    2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743, 3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253,
    2.8251, 1.916,
  ],
};

/** `scheduler_config.json` of Qwen/Qwen-Image. */
export const REAL_SCHEDULER = {
  _class_name: "FlowMatchEulerDiscreteScheduler",
  base_image_seq_len: 256,
  base_shift: 0.5,
  invert_sigmas: false,
  max_image_seq_len: 8192,
  max_shift: 0.9,
  num_train_timesteps: 1000,
  shift: 1,
  shift_terminal: 0.02,
  stochastic_sampling: false,
  time_shift_type: "exponential",
  use_beta_sigmas: false,
  use_dynamic_shifting: true,
  use_exponential_sigmas: false,
  use_karras_sigmas: false,
};

/**
 * The config of a component. It comes from the shapes of its tensors, and for other values from another checkpoint or the published one.
 * @param base config of the same component in another checkpoint
 * @throws CheckpointError when neither fits the tensors
 */
export function configOf(part: Part, base: Config | undefined): Config {
  if (part.kind === "transformer") return transformerConfig(part, base);
  return part.kind === "vae" ? vaeConfig(part, base) : textEncoderConfig(part, base);
}

/** A size of a text encoder: features of its tokens, or rows of its embedding table. Newer configs nest the language part. */
export function textSize(config: Config, name: "hidden_size" | "vocab_size"): unknown {
  return (config.text_config as Config | undefined)?.[name] ?? config[name];
}

/** Features of the published text encoder's tokens. */
export const REAL_TEXT_FEATURES = REAL_TEXT.hidden_size;

function transformerConfig(part: Part, base: Config | undefined): Config {
  const size = sizes(part);
  const headDim = size("transformer_blocks.0.attn.norm_q.weight", 0);
  const inherited = base?.axes_dims_rope as readonly number[] | undefined;
  const axes = [inherited, REAL_ROPE_AXES].find((list) => list?.reduce((sum, n) => sum + n, 0) === headDim);
  if (!axes) {
    throw new CheckpointError(
      `${part.from}: the heads have ${headDim} features, those of Qwen-Image 128. Name a checkpoint with the same sizes with --base`,
    );
  }
  return {
    _class_name: "QwenImageTransformer2DModel",
    patch_size: 2,
    in_channels: size("img_in.weight", 1),
    out_channels: size("proj_out.weight", 0) / 4,
    num_layers: layersOf(part, /^transformer_blocks\.(\d+)\./),
    attention_head_dim: headDim,
    num_attention_heads: size("img_in.weight", 0) / headDim,
    joint_attention_dim: size("txt_norm.weight", 0),
    guidance_embeds: false,
    axes_dims_rope: axes,
    ...((part.zeroCondT || base?.zero_cond_t === true) && { zero_cond_t: true }),
  };
}

function textEncoderConfig(part: Part, base: Config | undefined): Config {
  const prefix = part.tensors.has("model.language_model.embed_tokens.weight") ? "model.language_model" : "model";
  const size = sizes(part);
  const found = {
    vocab_size: size(`${prefix}.embed_tokens.weight`, 0),
    hidden_size: size(`${prefix}.embed_tokens.weight`, 1),
    num_hidden_layers: layersOf(part, /^model\.(?:language_model\.)?layers\.(\d+)\./),
    intermediate_size: size(`${prefix}.layers.0.mlp.gate_proj.weight`, 0),
  };
  for (const config of [base, REAL_TEXT]) {
    const { text_config: nested, ...outer } = (config ?? {}) as { text_config?: Config };
    const flat: Config = { ...outer, ...nested };
    const fits = (["hidden_size", "num_hidden_layers", "intermediate_size"] as const).every(
      (key) => flat[key] === found[key],
    );
    if (!fits) continue;
    return nested ? { ...outer, text_config: { ...nested, ...found } } : { ...flat, ...found };
  }
  throw new CheckpointError(
    `${part.from}: it has ${found.num_hidden_layers} layers of ${found.hidden_size} features, Qwen2.5-VL-7B has 28 of 3584. Name a checkpoint with the same text encoder with --base`,
  );
}

function vaeConfig(part: Part, base: Config | undefined): Config {
  const size = sizes(part);
  const [widest, latents, channels] = [
    size("decoder.conv_in.weight", 0),
    size("decoder.conv_in.weight", 1),
    size("decoder.conv_out.weight", 0),
  ];
  if (channels !== 3) {
    throw new CheckpointError(
      `${part.from}: this VAE decodes to ${channels} channels, perhaps for Qwen-Image-Layered; Inkstone supports 3`,
    );
  }
  for (const config of [base, REAL_VAE]) {
    const { base_dim: width, dim_mult: factors, z_dim: depth } = (config ?? {}) as Partial<typeof REAL_VAE>;
    if (width !== undefined && factors && width * factors.at(-1)! === widest && depth === latents) return config!;
  }
  throw new CheckpointError(
    `${part.from}: this VAE has ${widest} features and ${latents} channels, that of Qwen-Image 384 and 16. Name a checkpoint with the same VAE with --base`,
  );
}

function sizes({ tensors, from }: Part) {
  return (name: string, axis: number): number => {
    const size = tensors.get(name)?.shape[axis];
    if (size === undefined || size === 0)
      throw new CheckpointError(`${from}: tensor "${name}" is missing, empty or has too few axes`);
    return size;
  };
}

function layersOf({ tensors, from }: Part, layer: RegExp): number {
  let count = 0;
  for (const name of tensors.keys()) count = Math.max(count, Number(layer.exec(name)?.[1] ?? -1) + 1);
  if (count > tensors.size)
    throw new CheckpointError(
      `${from}: a tensor belongs to layer ${count}, but the file has only ${tensors.size} tensors`,
    );
  return count;
}
