/** The role of a tensor in an adapter file. */
export type Role =
  | "down"
  | "up"
  | "alpha"
  | "bias"
  | "doraScale"
  | "magnitude"
  | "w1"
  | "w1a"
  | "w1b"
  | "w2"
  | "w2a"
  | "w2b"
  | "hadaW1a"
  | "hadaW1b"
  | "hadaW2a"
  | "hadaW2b"
  | "diff"
  | "diffBias"
  | "set";

/**
 * Ends of keys in files of trainers: PEFT and diffusers (with or without an adapter's name), kohya and ComfyUI, old diffusers, LyCORIS, and
 * full differences. Model spec 8.2 and 8.4.
 */
const ENDINGS: readonly (readonly [RegExp, Role])[] = [
  [/\.lora_A(?:\.[^.]+)?\.weight$/, "down"],
  [/\.lora_B(?:\.[^.]+)?\.weight$/, "up"],
  [/\.lora_B(?:\.[^.]+)?\.bias$/, "bias"],
  [/\.lora_down\.weight$/, "down"],
  [/\.lora_up\.weight$/, "up"],
  [/[._]lora\.down\.weight$/, "down"],
  [/[._]lora\.up\.weight$/, "up"],
  [/\.lora_linear_layer\.down\.weight$/, "down"],
  [/\.lora_linear_layer\.up\.weight$/, "up"],
  [/\.alpha$/, "alpha"],
  [/\.dora_scale$/, "doraScale"],
  [/\.lora_magnitude_vector(?:\.[^.]+)?(?:\.weight)?$/, "magnitude"],
  [/\.lokr_w1$/, "w1"],
  [/\.lokr_w1_a$/, "w1a"],
  [/\.lokr_w1_b$/, "w1b"],
  [/\.lokr_w2$/, "w2"],
  [/\.lokr_w2_a$/, "w2a"],
  [/\.lokr_w2_b$/, "w2b"],
  [/\.hada_w1_a$/, "hadaW1a"],
  [/\.hada_w1_b$/, "hadaW1b"],
  [/\.hada_w2_a$/, "hadaW2a"],
  [/\.hada_w2_b$/, "hadaW2b"],
  [/\.(?:diff|w_norm)$/, "diff"],
  [/\.(?:diff_b|b_norm)$/, "diffBias"],
  [/\.set_weight$/, "set"],
];

/** Unsupported kinds of adapters, by the ends of their keys. */
const UNKNOWN_KINDS: readonly (readonly [RegExp, string])[] = [
  [/\.(?:oft_blocks|oft_diag|oft_[rR](?:\..+)?|oft_s)$/, "OFT"],
  [/\.(?:boft_[rRsS](?:\..+)?)$/, "BOFT"],
  [/\.(?:a1|a2|b1|b2|bm1|bm2)\.weight$/, "GLoRA"],
  [/\.(?:vera_lambda_[bd](?:\..+)?)$/, "VeRA"],
  [/\.(?:ia3_l(?:\..+)?|on_input)$/, "IA³"],
  [/\.(?:lora_mid\.weight|lokr_t2|hada_t[12])$/, "Tucker decomposition"],
];

/** The unsupported kind of adapter that a key belongs to, if it is known. */
export function unknownKind(key: string): string | undefined {
  return UNKNOWN_KINDS.find(([ending]) => ending.test(key))?.[1];
}

/** Prefixes that name the model; several may follow one another. */
const PREFIX =
  /^(?:base_model\.model\.|pipe\.dit\.|dit\.|unet\.|model\.|module\.|diffusion_model\.|transformer\.|lora_unet_|lora_transformer_|lycoris_)/;

/** Layers that some trainers fuse, and their parts in order. */
const FUSED: Readonly<Record<string, readonly string[]>> = {
  to_qkv: ["to_q", "to_k", "to_v"],
  to_added_qkv: ["add_q_proj", "add_k_proj", "add_v_proj"],
  add_qkv_proj: ["add_q_proj", "add_k_proj", "add_v_proj"],
};

/** Names of the parts of a fused layer; undefined for an ordinary layer. */
export function fusedParts(written: string): readonly string[] | undefined {
  const name = Object.keys(FUSED).find((fused) => written.endsWith(fused));
  return name === undefined ? undefined : FUSED[name]!.map((part) => written.slice(0, -name.length) + part);
}

/** Splits a key into the layer's name, as written in the file, and the tensor's role; undefined for an unknown grammar. */
export function parseKey(key: string): { layer: string; role: Role } | undefined {
  for (const [ending, role] of ENDINGS) {
    const at = key.search(ending);
    if (at > 0) return { layer: key.slice(0, at), role };
  }
  return undefined;
}

/**
 * Finds a layer of the checkpoint by a name with dots, or with underscores instead of all dots. The checkpoint's names show where the dots
 * were, so no guessing is needed.
 *
 * @param tensors names of the checkpoint's tensors
 */
export function layerFinder(tensors: readonly string[]): (written: string) => string | undefined {
  const layers = new Map<string, string>();
  for (const tensor of tensors) {
    const layer = tensor.replace(/\.(?:weight|bias)$/, "");
    layers.set(flattened(layer), layer);
  }
  return (written) => {
    let name = written.replace(".processor.", ".");
    for (let prefix = true; prefix; ) {
      const found = layers.get(flattened(name)) ?? layers.get(`${flattened(name)}_0`); // old names: to_out instead of to_out.0
      if (found) return found;
      prefix = PREFIX.test(name);
      name = name.replace(PREFIX, "");
    }
    return undefined;
  };
}

function flattened(name: string): string {
  return name.replaceAll(".", "_");
}
