/** Maps tensor names of other programs to those of diffusers and transformers. */

/** Prefixes of the components in merged checkpoints of ComfyUI and files of stable-diffusion.cpp. */
const PREFIXES =
  /^(model\.diffusion_model\.|transformer\.|text_encoders\.[^.]+\.(?:transformer\.)?|first_stage_model\.|vae\.)/;

/** Splits the prefix of a component in a merged file from the name. */
export function splitPrefix(name: string): readonly [prefix: string, rest: string] {
  const prefix = PREFIXES.exec(name)?.[0] ?? "";
  return [prefix, name.slice(prefix.length)];
}

const LLAMA_LAYER: Readonly<Record<string, string>> = {
  attn_norm: "input_layernorm",
  attn_q: "self_attn.q_proj",
  attn_k: "self_attn.k_proj",
  attn_v: "self_attn.v_proj",
  attn_output: "self_attn.o_proj",
  ffn_norm: "post_attention_layernorm",
  ffn_gate: "mlp.gate_proj",
  ffn_up: "mlp.up_proj",
  ffn_down: "mlp.down_proj",
};

/**
 * Maps names of a language model in llama.cpp's format (architecture `qwen2vl`: q and k are not permuted). Undefined for tensors that the
 * text encoder does not need. Source: gguf-py `tensor_mapping.py`.
 */
export function fromLlama(name: string): string | undefined {
  if (name === "token_embd.weight") return "model.embed_tokens.weight";
  if (name === "output_norm.weight") return "model.norm.weight";
  const [, layer, part = "", kind] = /^blk\.(\d+)\.(\w+)\.(weight|bias)$/.exec(name) ?? [];
  const known = LLAMA_LAYER[part];
  return known && `model.layers.${layer}.${known}.${kind}`;
}

/** The target of a tensor: a whole tensor or a piece of one. */
export interface Piece {
  readonly name: string;
  readonly piece?: number;
  readonly of?: number;
}

const VISION_LAYER: Readonly<Record<string, string>> = {
  attn_out: "attn.proj",
  ln1: "norm1",
  ln2: "norm2",
  ffn_gate: "mlp.gate_proj",
  ffn_up: "mlp.up_proj",
  ffn_down: "mlp.down_proj",
};

/**
 * Maps names of a vision tower in llama.cpp's format (`mmproj` files, projector `qwen2.5vl_merger`). Tensors that are split there get
 * their position: q, k and v are stacked, the two temporal taps of the patches are side by side.
 */
export function fromLlamaVision(name: string): Piece | undefined {
  const taps = ["v.patch_embd.weight", "v.patch_embd.weight.1"].indexOf(name);
  if (taps >= 0) return { name: "visual.patch_embed.proj.weight", piece: taps, of: 2 };
  if (name === "v.post_ln.weight") return { name: "visual.merger.ln_q.weight" };
  const [, merger, end] = /^mm\.([02])\.(weight|bias)$/.exec(name) ?? [];
  if (merger !== undefined) return { name: `visual.merger.mlp.${merger}.${end}` };
  const [, block, part = "", kind] = /^v\.blk\.(\d+)\.(\w+)\.(weight|bias)$/.exec(name) ?? [];
  if (block === undefined) return undefined;
  const third = ["attn_q", "attn_k", "attn_v"].indexOf(part);
  if (third >= 0) return { name: `visual.blocks.${block}.attn.qkv.${kind}`, piece: third, of: 3 };
  const known = VISION_LAYER[part];
  return known === undefined ? undefined : { name: `visual.blocks.${block}.${known}.${kind}` };
}

const RESIDUAL: Readonly<Record<string, string>> = {
  "residual.0": "norm1",
  "residual.2": "conv1",
  "residual.3": "norm2",
  "residual.6": "conv2",
  shortcut: "conv_shortcut",
};

const residual = (rest: string): string =>
  rest.replace(/^(residual\.[0236]|shortcut)(?=\.)/, (part) => RESIDUAL[part]!);

/**
 * Maps names of the autoencoder in Wan's format. Source: `convert_wan_vae_to_diffusers` in diffusers.
 * @param perLevel blocks in each level of the decoder, with the upsampler: 4 in every published file
 */
export function fromWanVae(name: string, perLevel = 4): string | undefined {
  const [, top, kind] = /^(conv[12])\.(weight|bias)$/.exec(name) ?? [];
  if (top !== undefined) return `${top === "conv1" ? "quant_conv" : "post_quant_conv"}.${kind}`;
  const [, side, place = "", rest = ""] =
    /^(encoder|decoder)\.(conv1|middle\.[012]|head\.[02]|(?:down|up)samples\.\d+)\.(.+)$/.exec(name) ?? [];
  if (side === undefined) return undefined;
  if (place === "conv1") return `${side}.conv_in.${rest}`;
  if (place === "middle.1") return `${side}.mid_block.attentions.0.${rest}`;
  if (place.startsWith("middle")) return `${side}.mid_block.resnets.${place === "middle.0" ? 0 : 1}.${residual(rest)}`;
  if (place === "head.0") return `${side}.norm_out.${rest}`;
  if (place === "head.2") return `${side}.conv_out.${rest}`;
  const index = Number(place.split(".")[1]);
  if (place.startsWith("down")) return `${side}.down_blocks.${index}.${residual(rest)}`;
  const block = `${side}.up_blocks.${Math.floor(index / perLevel)}`;
  if (/^(resample|time_conv)\./.test(rest)) return `${block}.upsamplers.0.${rest}`;
  return `${block}.resnets.${index % perLevel}.${residual(rest)}`;
}
