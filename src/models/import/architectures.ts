/**
 * Files that are no part of a Qwen-Image checkpoint, recognised by a tensor that only they have. The first match decides. The patterns
 * are applied to names without the prefix of a merged checkpoint.
 */
const OTHERS: readonly (readonly [tensor: RegExp, what: string])[] = [
  [/^txt_in\.text_norm\.weight$/, "a Qwen-Image-2.1 transformer, which is another architecture than Qwen-Image's"],
  [/^(double_blocks\.0\.img_attn|single_transformer_blocks\.0\.|single_blocks\.0\.linear1)/, "a Flux transformer"],
  [/^distilled_guidance_layer\./, "a Chroma transformer"],
  [/^(context_refiner|cap_embedder)\./, "a Lumina or Z-Image transformer"],
  [/^(joint_blocks\.0\.|pos_embed\.proj\.)/, "a Stable Diffusion 3 transformer"],
  [
    /^(input_blocks\.0\.|down_blocks\.0\.(resnets|attentions)\.0\.(conv1|proj_in|norm)\.|conv_in\.weight$)/,
    "a Stable Diffusion network",
  ],
  [/^(blocks\.0\.self_attn\.q\.|patch_embedding\.weight$)/, "a Wan video transformer"],
  [/^(double_stream_modulation|img_in\.proj\.|vector_in\.in_layer)/, "a Hunyuan transformer"],
  [/^(adaln_single|caption_projection)\./, "a PixArt or LTX transformer"],
  [
    /self_attn\.q_norm\.weight$|^blk\.\d+\.attn_q_norm\.weight$/,
    "a Qwen3 text encoder, which Qwen-Image-2.1 and Z-Image read; Qwen-Image's is Qwen2.5-VL-7B",
  ],
  [/^encoder\.block\.0\.layer\.0\.SelfAttention/, "a T5 text encoder; Qwen-Image's is Qwen2.5-VL-7B"],
  [/^text_model\.encoder\.layers\.0\./, "a CLIP text encoder; Qwen-Image's is Qwen2.5-VL-7B"],
  [/^(decoder\.up\.0\.block\.0\.|decoder\.up_blocks\.0\.resnets\.0\.conv1\.)/, "an autoencoder of another family"],
];

const ADAPTERS: readonly (readonly [tensor: RegExp, kind: string])[] = [
  [/\.(lora_(down|up|A|B)(\.|$)|lora\.(down|up)|hada_w1_|lokr_w1|dora_scale|diff$|diff_b$)/, "lora"],
  [/^(controlnet_blocks\.|controlnet_x_embedder\.|controlnet_.*img_in)/, "controlnet"],
];

/** The content of a file by the names of its tensors, if it is one of the known others; undefined otherwise. */
export function foreignArchitecture(names: Iterable<string>): string | undefined {
  const all = [...names];
  const adapter = ADAPTERS.find(([tensor]) => all.some((name) => tensor.test(name)));
  if (adapter?.[1] === "lora") return "a LoRA: add it with --kind lora --air AIR";
  if (adapter) return "a ControlNet: add its folder with --kind controlnet --air AIR";
  return OTHERS.find(([tensor]) => all.some((name) => tensor.test(name)))?.[1];
}
