import { CheckpointError, elementsOf, type SourceTensor, type TensorSource } from "../../weights/index.ts";
import { foreignArchitecture } from "./architectures.ts";
import { fromLlama, fromLlamaVision, fromWanVae, splitPrefix } from "./names.ts";

/** Components that a file can hold. The vision tower is a part of the text encoder that editing checkpoints need. */
export type PartKind = "transformer" | "text_encoder" | "vision" | "vae";

/** Names of the components in messages. */
export const PART_NAMES: Readonly<Record<PartKind, string>> = {
  transformer: "transformer",
  text_encoder: "text encoder",
  vision: "vision tower",
  vae: "VAE",
};

/** Layers with nearly all weights. */
const LAYERS: Readonly<Record<PartKind, RegExp | undefined>> = {
  transformer: /^transformer_blocks\.\d+\..*\.weight$/,
  text_encoder: /^model\.(language_model\.)?layers\.\d+\..*_proj\.weight$/,
  vision: undefined,
  vae: undefined,
};

/** True for a matrix that may be rounded. Stem, head, norms, biases and the embedding table keep their form. */
export function isRoundable(kind: PartKind, name: string, shape: readonly number[]): boolean {
  return shape.length === 2 && LAYERS[kind]?.test(name) === true;
}

/** A component with its tensors, by diffusers' names. */
export interface Part {
  readonly kind: PartKind;
  /** Its file or folder, for messages. */
  readonly from: string;
  readonly tensors: ReadonlyMap<string, SourceTensor>;
  /** True for a transformer that treats references as free of noise: Qwen-Image-Edit-2511. */
  readonly zeroCondT: boolean;
}

/**
 * The components in a file: one, or all of a merged checkpoint.
 * @throws CheckpointError naming the content of a file that is no part of a Qwen-Image checkpoint
 */
export function partsOf(source: TensorSource): Part[] {
  const groups = new Map<string, Map<string, SourceTensor>>();
  for (const [name, tensor] of source.tensors) {
    const [prefix, rest] = splitPrefix(name);
    const group = groups.get(prefix) ?? new Map<string, SourceTensor>();
    group.set(rest, tensor);
    groups.set(prefix, group);
  }
  const parts = [...groups.values()].flatMap((tensors) => partOf(source.name, tensors));
  requireVisionLanguage(source, parts);
  if (parts.length > 0) return parts;
  const names = [...groups.values()].flatMap((group) => [...group.keys()]);
  const known = foreignArchitecture(names);
  const [first = "nothing"] = names;
  throw new CheckpointError(
    `${source.name} ${known ? `is ${known}` : `is no part of a Qwen-Image checkpoint: it holds ${names.length} tensors, among them "${first}"`}`,
  );
}

/**
 * Refuses a language model of the same sizes that has not learned to see: Qwen2.5-7B instead of Qwen2.5-VL-7B. Its tensors have the same
 * names and shapes in GGUF files; the architecture differs.
 */
function requireVisionLanguage({ name, metadata }: TensorSource, parts: readonly Part[]): void {
  if (metadata.get("general.architecture") !== "qwen2" || !parts.some(({ kind }) => kind === "text_encoder")) return;
  throw new CheckpointError(
    `${name} is a Qwen2 or Qwen2.5 language model (its architecture is qwen2); Qwen-Image's text encoder is Qwen2.5-VL-7B (qwen2vl)`,
  );
}

function partOf(from: string, tensors: ReadonlyMap<string, SourceTensor>): Part[] {
  const part = (kind: PartKind, tensors: ReadonlyMap<string, SourceTensor>, zeroCondT = false): Part[] => [
    { kind, from, tensors, zeroCondT },
  ];
  if (isTransformer(tensors, from)) {
    const { kept, zeroCondT } = transformerTensors(tensors, from);
    return part("transformer", kept, zeroCondT);
  }
  if (foreignArchitecture(tensors.keys())) return [];
  if (tensors.has("token_embd.weight") && tensors.has("blk.0.attn_q.bias"))
    return part("text_encoder", renamed(tensors, fromLlama));
  if (tensors.has("v.patch_embd.weight")) return part("vision", assembled(tensors, from));
  if (tensors.has("model.embed_tokens.weight") || tensors.has("model.language_model.embed_tokens.weight")) {
    if (!/q_proj\.bias$/m.test([...tensors.keys()].join("\n"))) return [];
    return part(
      "text_encoder",
      renamed(tensors, (name) => (name.startsWith("lm_head.") ? undefined : name)),
    );
  }
  if (tensors.has("decoder.middle.0.residual.0.gamma"))
    return part(
      "vae",
      renamed(tensors, (name) => fromWanVae(name)),
    );
  if (tensors.has("decoder.mid_block.resnets.0.norm1.gamma")) return part("vae", tensors);
  return [];
}

/** @throws CheckpointError for a related transformer that the engine does not support */
function isTransformer(tensors: ReadonlyMap<string, SourceTensor>, from: string): boolean {
  const [norm, out] = [tensors.get("txt_norm.weight"), tensors.get("proj_out.weight")];
  if (!norm || !out || !tensors.has("transformer_blocks.0.attn.add_q_proj.weight")) return false;
  if (tensors.has("time_text_embed.addition_t_embedding.weight")) {
    throw new CheckpointError(
      `${from} is Qwen-Image-Layered, which splits an image into layers; this version supports Qwen-Image, 2512, Edit, Edit-2509 and Edit-2511`,
    );
  }
  if (out.shape[0] === 128 && norm.shape[0] === 2560) {
    throw new CheckpointError(`${from} is a Mage-Flow transformer, which is another architecture than Qwen-Image's`);
  }
  return true;
}

/** A tensor without values that marks Edit-2511, where others use a config. */
const MARKER = "__index_timestep_zero__";

function transformerTensors(tensors: ReadonlyMap<string, SourceTensor>, from: string) {
  const kept = new Map(tensors);
  const zeroCondT = kept.delete(MARKER);
  for (const name of kept.keys()) {
    if (/\.(lora_|hada_|lokr_)/.test(name))
      throw new CheckpointError(`${from} holds a LoRA among the weights ("${name}")`);
  }
  return { kept, zeroCondT };
}

function renamed(tensors: ReadonlyMap<string, SourceTensor>, rename: (name: string) => string | undefined) {
  const result = new Map<string, SourceTensor>();
  for (const [name, tensor] of tensors) {
    const known = rename(name);
    if (known !== undefined) result.set(known, tensor);
  }
  return result;
}

/** Joins the pieces of a vision tower of llama.cpp. */
function assembled(tensors: ReadonlyMap<string, SourceTensor>, from: string): Map<string, SourceTensor> {
  const pieces = new Map<string, (SourceTensor | undefined)[]>();
  for (const [name, tensor] of tensors) {
    const place = fromLlamaVision(name);
    if (!place) continue;
    const { piece = 0, of = 1 } = place;
    const all = pieces.get(place.name) ?? Array(of).fill(undefined);
    all[piece] = tensor;
    pieces.set(place.name, all);
  }
  const result = new Map<string, SourceTensor>();
  for (const [name, all] of pieces) {
    const found = all.filter((tensor) => tensor !== undefined);
    if (found.length < all.length) throw new CheckpointError(`${from}: a piece of "${name}" is missing`);
    result.set(name, found.length === 1 ? found[0]! : name.includes("patch_embed") ? beside(found) : below(found));
  }
  return result;
}

/** Stacks matrices: the rows of the first, then of the second, … */
function below(pieces: readonly SourceTensor[]): SourceTensor {
  const [first] = pieces as [SourceTensor];
  const rows = pieces.reduce((sum, { shape }) => sum + shape[0]!, 0);
  return whole(pieces, [rows, ...first.shape.slice(1)], () => {
    const parts = pieces.map(({ shape, decode }) => decode(0, elementsOf(shape)));
    const values = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      values.set(part, at);
      at += part.length;
    }
    return values;
  });
}

/** Places the taps [out, in, h, w] of moments side by side: [out, in, moments, h, w]. */
function beside(pieces: readonly SourceTensor[]): SourceTensor {
  const [out = 1, channels = 1, height = 1, width = 1] = pieces[0]!.shape;
  const area = height * width;
  return whole(pieces, [out, channels, pieces.length, height, width], () => {
    const values = new Float32Array(out * channels * pieces.length * area);
    pieces.forEach(({ decode }, moment) => {
      const taps = decode(0, out * channels * area);
      for (let i = 0; i < out * channels; i++) {
        values.set(taps.subarray(i * area, (i + 1) * area), (i * pieces.length + moment) * area);
      }
    });
    return values;
  });
}

/** A tensor that is always decoded as a whole. */
function whole(pieces: readonly SourceTensor[], shape: readonly number[], values: () => Float32Array): SourceTensor {
  return {
    shape,
    stored: pieces[0]!.stored,
    byteLength: pieces.reduce((sum, { byteLength }) => sum + byteLength, 0),
    decode: (start, count) => values().slice(start, start + count),
  };
}
