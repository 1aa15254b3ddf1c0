import { existsSync } from "node:fs";
import { cp, mkdir, open, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { askedTensors, type TensorShapes, transformerTensors } from "../../src/engine/checkpoint/asked-tensors.ts";
import type {
  TextEncoderConfig,
  TransformerConfig,
  VaeConfig,
  VisionConfig,
} from "../../src/engine/checkpoint/config.ts";
import { buildTextEncoder, embeddingTable } from "../../src/engine/text-encoder.ts";
import { buildVaeDecoder, buildVaeEncoder } from "../../src/engine/vae.ts";
import { buildVisionTower } from "../../src/engine/vision/tower.ts";
import type { StoredForm } from "../../src/weights/index.ts";
import { storedFormsMetadata } from "../../src/weights/stored-form.ts";

/** What a made-up checkpoint is to be like. Its numbers are noise. */
export interface Synthetic {
  readonly widths: Widths;
  /** Blocks of the transformer. */
  readonly blocks: number;
  /** Layers of the text encoder. */
  readonly layers: number;
  /** How the matrices of blocks and layers are stored. */
  readonly form: "plain" | "int8" | "blocks8" | "blocks4";
  /** Tensors whose numbers are 2¹⁷ times as large. */
  readonly loud?: RegExp;
  /** Default: it draws from text. */
  readonly member?: "edit" | "edit-2509" | "edit-2511";
  /** Folder of a tokenizer; the small widths have as many words as it needs. */
  readonly tokenizer: string;
}

/** The sizes that follow from a model's width. */
export interface Widths {
  readonly transformer: Omit<TransformerConfig, "num_layers">;
  readonly text: Omit<TextEncoderConfig, "num_hidden_layers">;
  readonly vision: VisionConfig;
  readonly vae: VaeConfig;
}

const TRANSFORMER = {
  _class_name: "QwenImageTransformer2DModel",
  patch_size: 2,
  in_channels: 64,
  out_channels: 16,
} as const;
const TEXT = { hidden_act: "silu", rms_norm_eps: 1e-6, rope_theta: 1e6 } as const;
const VISION = {
  hidden_act: "silu",
  in_channels: 3,
  patch_size: 14,
  temporal_patch_size: 2,
  spatial_merge_size: 2,
  window_size: 112,
  rms_norm_eps: 1e-6,
} as const;
const VAE: Omit<VaeConfig, "base_dim"> = {
  _class_name: "AutoencoderKLQwenImage",
  z_dim: 16,
  dim_mult: [1, 2, 4, 4],
  num_res_blocks: 2,
  attn_scales: [],
  temperal_downsample: [false, true, true],
  dropout: 0,
  input_channels: 3,
  latents_mean: Array<number>(16).fill(0),
  latents_std: Array<number>(16).fill(2),
};

/** Qwen-Image's: 60 blocks of the transformer, 28 layers of the text encoder. */
export const TRUE_WIDTHS: Widths = {
  transformer: {
    ...{ ...TRANSFORMER, attention_head_dim: 128, num_attention_heads: 24, joint_attention_dim: 3584 },
    axes_dims_rope: [16, 56, 56],
  },
  text: {
    ...{ ...TEXT, hidden_size: 3584, intermediate_size: 18_944, num_attention_heads: 28, num_key_value_heads: 4 },
    vocab_size: 152_064,
  },
  vision: {
    ...{ ...VISION, depth: 32, hidden_size: 1280, num_heads: 16, intermediate_size: 3420, out_hidden_size: 3584 },
    fullatt_block_indexes: [7, 15, 23, 31],
  },
  vae: { ...VAE, base_dim: 96 },
};

/** As small as rotations in groups of 64 and blocks of 32 allow. @param words of the tokenizer */
export function smallWidths(words: number): Widths {
  return {
    transformer: {
      ...{ ...TRANSFORMER, attention_head_dim: 32, num_attention_heads: 2, joint_attention_dim: 64 },
      axes_dims_rope: [8, 12, 12],
    },
    text: {
      ...{ ...TEXT, hidden_size: 64, intermediate_size: 128, num_attention_heads: 4, num_key_value_heads: 2 },
      ...{ vocab_size: words, rope_scaling: { mrope_section: [2, 3, 3] } },
    },
    vision: {
      ...{ ...VISION, depth: 3, hidden_size: 64, num_heads: 4, intermediate_size: 96, out_hidden_size: 64 },
      fullatt_block_indexes: [1],
    },
    vae: { ...VAE, base_dim: 4 },
  };
}

const PIPELINES = {
  edit: "QwenImageEditPipeline",
  "edit-2509": "QwenImageEditPlusPipeline",
  "edit-2511": "QwenImageEditPlusPipeline",
} as const;

/** What a checkpoint consists of, before its numbers are made. */
export interface Layout {
  /** Config files by path. */
  readonly configs: Readonly<Record<string, object>>;
  /** Files of weights: where, under which name, and the tensors' shapes. */
  readonly components: readonly {
    readonly folder: "transformer" | "text_encoder" | "vae";
    readonly stem: string;
    readonly shapes: TensorShapes;
  }[];
}

/** The graphs say which tensors there are, so nothing is listed twice. */
export function layoutOf({ widths, blocks, layers, member }: Omit<Synthetic, "form" | "tokenizer" | "loud">): Layout {
  const transformer: TransformerConfig = {
    ...{ ...widths.transformer, num_layers: blocks },
    ...(member === "edit-2511" && { zero_cond_t: true }),
  };
  const text: TextEncoderConfig = { ...widths.text, num_hidden_layers: layers };
  const { vision, vae } = widths;
  const scheduler = {
    use_dynamic_shifting: true,
    base_shift: 0.5,
    max_shift: 0.9,
    max_image_seq_len: 8192,
    shift_terminal: 0.02,
  };
  return {
    configs: {
      "model_index.json": { _class_name: member ? PIPELINES[member] : "QwenImagePipeline" },
      "transformer/config.json": transformer,
      "text_encoder/config.json": { ...text, ...(member && { vision_config: vision }) },
      "vae/config.json": vae,
      "scheduler/scheduler_config.json": scheduler,
    },
    components: [
      {
        folder: "transformer",
        stem: "diffusion_pytorch_model",
        shapes: transformerTensors(transformer),
      },
      {
        folder: "text_encoder",
        stem: "model",
        shapes: askedTensors((w) => {
          embeddingTable(text, w);
          buildTextEncoder(text, w);
          if (member) buildVisionTower(vision, w);
        }),
      },
      {
        folder: "vae",
        stem: "diffusion_pytorch_model",
        shapes: askedTensors((w) => {
          buildVaeDecoder(vae, w);
          buildVaeEncoder(vae, w);
        }),
      },
    ],
  };
}

/** Writes a checkpoint folder. */
export async function makeCheckpoint(folder: string, { form, tokenizer, loud, ...rest }: Synthetic) {
  const { configs, components } = layoutOf(rest);
  for (const [path, value] of Object.entries(configs)) {
    await mkdir(join(folder, path, ".."), { recursive: true });
    await writeFile(join(folder, path), JSON.stringify(value, null, 2));
  }
  await cp(tokenizer, join(folder, "tokenizer"), { recursive: true });
  for (const { folder: component, stem, shapes } of components) {
    await writeNoise(join(folder, component, `${stem}.safetensors`), shapes, form, loud);
  }
}

interface Planned {
  readonly dtype: "I8" | "U8" | "F32" | "BF16";
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly fill: Fill;
}
type Fill = { readonly noise: number } | { readonly constant: number };

const ROTATION = 64;
const BLOCK = 32;

/** Writes a file of tensors whose numbers are noise. A file that is there already is the same one. */
export async function writeNoise(
  path: string,
  shapes: TensorShapes,
  form: Synthetic["form"],
  loud?: RegExp,
): Promise<void> {
  const planned = new Map<string, Planned>();
  const forms = new Map<string, StoredForm>();
  const size = (shape: readonly number[]) => shape.reduce((product, n) => product * n, 1);
  for (const [name, shape] of shapes) {
    // So that the gates of blocks come out near 1, and the prompt and the references show in a picture.
    const usual = /_mod\.|time_text_embed/.test(name) ? 2.5 : 1;
    const gain = loud?.test(name) ? 2 ** 17 : usual;
    const deviation = gain / Math.sqrt(size(shape.slice(1)) || 1);
    if (form !== "plain" && isLarge(name, shape)) {
      const [out, width] = shape as [number, number];
      const scales = (shape: readonly number[], codes: number): Planned => {
        return { dtype: "F32", shape, bytes: 4 * size(shape), fill: { constant: deviation / codes } };
      };
      if (form === "int8") {
        planned.set(name, { dtype: "I8", shape: [width, out], bytes: out * width, fill: { noise: 1 } });
        // Codes spread evenly over 8 bits deviate by 74, over 4 bits by 4.6.
        planned.set(`${name}_scale`, scales([out], 74));
        forms.set(name, { form: "int8", rotation: ROTATION });
        continue;
      }
      const bits = form === "blocks8" ? 8 : 4;
      const codes = [out, width / BLOCK, (BLOCK * bits) / 8];
      planned.set(name, { dtype: "U8", shape: codes, bytes: size(codes), fill: { noise: 1 } });
      planned.set(`${name}_scale`, scales([out, width / BLOCK], bits === 8 ? 74 : 4.6));
      forms.set(name, { form: "blocks", bits, block: BLOCK });
      continue;
    }
    const isNorm = /(norm.*|ln_q)\.(weight|gamma)$|norm\d?\.weight$|layernorm\.weight$/.test(name);
    const fill: Fill = isNorm ? { constant: 1 } : { noise: shape.length === 1 ? 0.01 : deviation };
    planned.set(name, { dtype: "BF16", shape, bytes: 2 * size(shape), fill });
  }
  await writeTensors(path, planned, storedFormsMetadata(forms));
}

/** The matrices of blocks and layers, which are nearly all of a checkpoint. */
function isLarge(name: string, shape: readonly number[]): boolean {
  return shape.length === 2 && /^(transformer_blocks|model\.layers)\./.test(name);
}

async function writeTensors(path: string, tensors: Map<string, Planned>, metadata: Record<string, string>) {
  if (existsSync(path)) return;
  await mkdir(join(path, ".."), { recursive: true });
  const header: Record<string, unknown> = { __metadata__: metadata };
  const places = new Map<string, number>();
  let at = 0;
  for (const [name, { dtype, shape, bytes }] of tensors) {
    header[name] = { dtype, shape, data_offsets: [at, at + bytes] };
    places.set(name, at);
    at += bytes;
  }
  const text = JSON.stringify(header);
  // Spaces fill the header up, so that every tensor of a multiple of 64 bytes begins at one.
  const json = Buffer.from(text.padEnd(text.length + ((64 - ((Buffer.byteLength(text) + 8) % 64)) % 64)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const file = await open(`${path}.part`, "w");
  try {
    await file.write(length);
    await file.write(json);
    let seed = 1;
    for (const { dtype, bytes, fill } of tensors.values()) {
      const pattern = patternOf(dtype, fill);
      // Another place of the pattern for every tensor, so that no two are alike.
      let from = (seed++ * 1_048_573 * 4) % pattern.length;
      for (let left = bytes; left > 0; ) {
        const piece = pattern.subarray(from, Math.min(pattern.length, from + left));
        await file.write(piece);
        left -= piece.length;
        from = 0;
      }
    }
  } finally {
    await file.close();
  }
  await rename(`${path}.part`, path);
}

const PATTERN = 2 ** 24;
const patterns = new Map<string, Buffer>();

/** 16 million numbers of a kind, the same in every run. */
function patternOf(dtype: Planned["dtype"], fill: Fill): Buffer {
  const key = `${dtype} ${JSON.stringify(fill)}`;
  const known = patterns.get(key) ?? makePattern(dtype, fill);
  if (patterns.size > 8) patterns.clear();
  patterns.set(key, known);
  return known;
}

function makePattern(dtype: Planned["dtype"], fill: Fill): Buffer {
  if ("constant" in fill) {
    if (dtype === "F32") return Buffer.from(new Float32Array(2 ** 16).fill(fill.constant).buffer);
    return Buffer.from(new Uint16Array(2 ** 16).fill(upperHalf(fill.constant)).buffer);
  }
  let state = 20_260;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return state;
  };
  if (dtype === "I8" || dtype === "U8") {
    const words = new Uint32Array(PATTERN / 4);
    for (let i = 0; i < words.length; i++) words[i] = (next() & 0xffff0000) | (next() >>> 16);
    return Buffer.from(words.buffer);
  }
  const width = fill.noise * Math.sqrt(3); // of an even spread with this deviation
  const halves = new Uint16Array(PATTERN / 2);
  for (let i = 0; i < halves.length; i++) halves[i] = upperHalf((next() / 2 ** 31) * width);
  return Buffer.from(halves.buffer);
}

const single = new Float32Array(1);
const bits = new Uint32Array(single.buffer);
function upperHalf(value: number): number {
  single[0] = value;
  return bits[0]! >>> 16;
}
