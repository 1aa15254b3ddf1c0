/** What a tensor of an adapter file is for. */
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
 * Ends of keys, as trainers write them: PEFT and diffusers (with or without an adapter's name), kohya and ComfyUI, old diffusers,
 * LyCORIS, and whole differences. Model spec 8.2 and 8.4.
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

/** Beginnings that say whose model it is; several may follow one another. */
const PREFIX =
  /^(?:base_model\.model\.|model\.diffusion_model\.|diffusion_model\.|transformer\.|lora_unet_|lora_transformer_|lycoris_)/;

/** Splits a key into the layer's name, as the file writes it, and the tensor's role; undefined when it follows no known grammar. */
export function parseKey(key: string): { layer: string; role: Role } | undefined {
  for (const [ending, role] of ENDINGS) {
    const at = key.search(ending);
    if (at > 0) return { layer: key.slice(0, at), role };
  }
  return undefined;
}

/**
 * Finds the checkpoint's layer for a name written with dots or, flattened, with underscores throughout. The checkpoint's own
 * names tell where the dots were, so no rules are needed to guess it.
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
      const found = layers.get(flattened(name)) ?? layers.get(`${flattened(name)}_0`); // old names: to_out for to_out.0
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
