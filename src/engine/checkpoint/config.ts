import { z } from "zod";
import { CheckpointError, readJson } from "../../weights/index.ts";

const size = z.number().int().positive();
const positive = z.number().positive();

/** Keys that every diffusers config may contain. They name its author and do not describe the model. */
const provenance = {
  _class_name: z.string().optional(),
  _diffusers_version: z.string().optional(),
  _name_or_path: z.string().nullish(),
};

/** A feature of a related model that this engine does not support: it must be off. */
export const off = z.literal(false).nullish();

/** Numbers of frequencies for the time, the row and the column of a token. */
const mropeSection = z.tuple([size, size, size]).optional();

/** `transformer/config.json` (QwenImageTransformer2DModel). */
export const transformerConfig = z.strictObject({
  ...provenance,
  patch_size: z.literal(2).default(2),
  in_channels: size,
  out_channels: size,
  num_layers: size,
  attention_head_dim: size,
  num_attention_heads: size,
  joint_attention_dim: size,
  axes_dims_rope: z.tuple([size, size, size]),
  guidance_embeds: off,
  /** Edit-2511: tokens of reference images are modulated as free of noise. */
  zero_cond_t: z.boolean().nullish(),
  use_additional_t_cond: off,
  use_layer3d_rope: off,
  /** Present in the first releases, but not used. */
  pooled_projection_dim: z.number().nullish(),
});
export type TransformerConfig = z.infer<typeof transformerConfig>;

/** `vae/config.json` (AutoencoderKLQwenImage). */
export const vaeConfig = z.strictObject({
  ...provenance,
  base_dim: size,
  z_dim: size,
  dim_mult: z.array(size).min(2),
  num_res_blocks: size,
  attn_scales: z.array(z.number()).max(0).default([]),
  temperal_downsample: z.array(z.boolean()),
  dropout: z.number().default(0),
  input_channels: z.literal(3).default(3),
  latents_mean: z.array(z.number()),
  latents_std: z.array(positive),
});
export type VaeConfig = z.infer<typeof vaeConfig>;

const CURVES = ["use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas"] as const;

/** `scheduler/scheduler_config.json` (FlowMatchEulerDiscreteScheduler). */
export const schedulerConfig = z
  .strictObject({
    ...provenance,
    num_train_timesteps: size.default(1000),
    shift: positive.default(1),
    use_dynamic_shifting: z.boolean().default(false),
    base_shift: z
      .number()
      .nullish()
      .transform((v) => v ?? 0.5),
    max_shift: z
      .number()
      .nullish()
      .transform((v) => v ?? 1.15),
    base_image_seq_len: size.nullish().transform((v) => v ?? 256),
    max_image_seq_len: size.nullish().transform((v) => v ?? 4096),
    shift_terminal: z.number().positive().lt(1).nullish(),
    time_shift_type: z.enum(["exponential", "linear"]).default("exponential"),
    invert_sigmas: off,
    stochastic_sampling: off,
    /** Replaces the curve of the noise levels between the same ends. At most one of the three may be true. */
    use_karras_sigmas: z.boolean().nullish(),
    use_exponential_sigmas: z.boolean().nullish(),
    use_beta_sigmas: z.boolean().nullish(),
  })
  .refine(
    (config) => CURVES.filter((name) => config[name]).length <= 1,
    "only one of use_karras_sigmas, use_exponential_sigmas and use_beta_sigmas may be true",
  );
export type SchedulerConfig = z.infer<typeof schedulerConfig>;

/**
 * The language part of `text_encoder/config.json` (Qwen2.5-VL); newer files nest it under `text_config`. Unknown keys are accepted: the
 * vision part and the many generation defaults of transformers do not affect the text.
 */
export const textEncoderConfig = z.object({
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  num_key_value_heads: size,
  head_dim: size.nullish(),
  hidden_act: z.literal("silu").default("silu"),
  rms_norm_eps: positive.default(1e-6),
  rope_theta: positive.optional(),
  rope_scaling: z.object({ mrope_section: mropeSection }).nullish(),
  rope_parameters: z.object({ rope_theta: positive.optional(), mrope_section: mropeSection }).nullish(),
  vocab_size: size,
  use_sliding_window: off,
});
export type TextEncoderConfig = z.infer<typeof textEncoderConfig>;

/**
 * The vision part of `text_encoder/config.json`. Many copies of Qwen2.5-VL-7B's file omit most of it, so the defaults are the values of
 * this model. Source: spec of the editing models 3.1.
 */
export const visionConfig = z
  .object({
    depth: size.default(32),
    hidden_size: size.default(1280),
    num_heads: size.default(16),
    intermediate_size: size.default(3420),
    out_hidden_size: size.default(3584),
    hidden_act: z.literal("silu").default("silu"),
    in_channels: z.literal(3).default(3),
    patch_size: size.optional(),
    /** The old name of `patch_size`. */
    spatial_patch_size: size.optional(),
    temporal_patch_size: size.default(2),
    spatial_merge_size: size.default(2),
    window_size: size.default(112),
    fullatt_block_indexes: z.array(z.number().int().min(0)).default([7, 15, 23, 31]),
    rms_norm_eps: positive.default(1e-6),
  })
  .transform(({ spatial_patch_size, ...config }) => ({
    ...config,
    patch_size: config.patch_size ?? spatial_patch_size ?? 14,
  }));
export type VisionConfig = z.infer<typeof visionConfig>;

/**
 * Reads and checks one JSON config of a checkpoint.
 * @throws CheckpointError naming the file, the key, the value found and the values allowed
 */
export async function readConfig<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema>> {
  const result = schema.safeParse(await readJson(path));
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => {
    const key = issue.path.join(".");
    return key ? `${key}: ${issue.message}` : issue.message;
  });
  throw new CheckpointError(`${path}: ${issues.join("; ")}`);
}
