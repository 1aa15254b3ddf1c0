import type { Graph, Value } from "../onnx/index.ts";
import { attention, headNorm, linear, modulatedNorm, modulatedNormByRow, rmsNorm, rotate } from "../onnx/index.ts";
import type { TransformerConfig } from "./checkpoint/config.ts";

/** Every norm of QwenImageTransformer2DModel and QwenImageControlNetModel uses this epsilon. */
export const EPS = 1e-6;

/**
 * Layers whose results are streams, or are added to them, multiply in float32 at any precision. In the bundled checkpoint (256×256,
 * 6 steps) they give the largest products, 114 to 190; others stay at 75. The streams reach 1,210. A norm adds up their squares, which
 * float16 cannot hold. Streams of larger checkpoints grow further.
 */
export const WIDE = { wide: true } as const;

/** True for matrices of the transformer that precision `float16` stores in float16. */
export function isNarrow(name: string): boolean {
  return /^transformer_blocks\.\d+\.(attn\.(to_[qkv]|add_[qkv]_proj)|(img|txt)_mlp\.net\.0\.proj)\.weight$/.test(name);
}

export interface Streams {
  readonly image: Value; // [B·L, dim]
  readonly text: Value; // [B·T, dim]
}

/** Modulation of one half of a block (attention or MLP) for one stream; each [dim], or `byToken` [B·L, dim]. */
export interface Modulation {
  readonly byToken?: true;
  readonly shift: Value;
  readonly scale: Value;
  readonly gate: Value;
}

/** A block's four modulations: image attention, image MLP, text attention, text MLP. */
export type BlockModulations = readonly [Modulation, Modulation, Modulation, Modulation];

/** Sizes with the same names in the transformer and its ControlNets. */
export type BlockSizes = Pick<TransformerConfig, "num_layers" | "num_attention_heads" | "attention_head_dim">;

/** Number of modulation vectors for one noise level: shift, scale, gate twice for both streams of every block, scale and shift of the head. */
export function modulationCount({ num_layers: layers }: BlockSizes, head: boolean): number {
  return layers * 12 + (head ? 2 : 0);
}

/** Twelve vectors for each block, in the order of the time graph. */
export function blockModulations(vectors: readonly Value[], layers: number): BlockModulations[] {
  const at = (i: number): Modulation => ({ shift: vectors[i]!, scale: vectors[i + 1]!, gate: vectors[i + 2]! });
  return Array.from({ length: layers }, (_, i) => [at(12 * i), at(12 * i + 3), at(12 * i + 6), at(12 * i + 9)]);
}

/** Values that all blocks of a graph share. */
export interface BlockContext {
  readonly g: Graph;
  readonly heads: number;
  readonly headDim: number;
  readonly dim: number;
  readonly imageShape: Value; // [B, L, dim]
  readonly textShape: Value; // [B, T, dim]
  readonly textLength: Value; // [T]
  readonly cos: Value; // [T + L, headDim / 2]
  readonly sin: Value;
}

/** Embeds image and text before the first block. */
export function embedInputs(
  g: Graph,
  latents: Value, // [B, L, channels]
  text: Value, // [B, T, features]
  { channels, features, dim }: { channels: number; features: number; dim: number },
): Streams {
  const flatText = g.op("Reshape", [text, g.ints([-1, features])]);
  return {
    image: linear(g, g.op("Reshape", [latents, g.ints([-1, channels])]), "img_in", channels, dim, WIDE),
    text: linear(g, rmsNorm(g, flatText, "txt_norm.weight", features, EPS), "txt_in", features, dim, WIDE),
  };
}

/**
 * One dual-stream block: joint attention, then an MLP for each stream.
 * @param last the text after the last block is not used, so it is returned unchanged
 */
export function dualStreamBlock(
  context: BlockContext,
  name: string,
  streams: Streams,
  [image, imageMlp, text, textMlp]: BlockModulations,
  last: boolean,
): Streams {
  const attended = jointAttention(context, name, streams, { image, text }, last);
  return {
    image: feedForward(context, `${name}.img_mlp`, attended.image, imageMlp),
    text: attended.text === undefined ? streams.text : feedForward(context, `${name}.txt_mlp`, attended.text, textMlp),
  };
}

/** Both streams attend to both, text first. Then the gated result is added to each. In the last block only the image has queries. */
function jointAttention(
  context: BlockContext,
  block: string,
  streams: Streams,
  modulation: { image: Modulation; text: Modulation },
  last: boolean,
): { image: Value; text?: Value } {
  const { g, heads, headDim } = context;
  const image = modulated(context, streams.image, modulation.image);
  const text = modulated(context, streams.text, modulation.text);
  const name = `${block}.attn`;
  const joined = (imagePart: Value, textPart: Value) => g.op("Concat", [textPart, imagePart], { axis: 1 });
  const onImage = (layer: string, norm?: string) =>
    project(context, image, `${name}.${layer}`, context.imageShape, norm);
  const onText = (layer: string, norm?: string) => project(context, text, `${name}.${layer}`, context.textShape, norm);

  const k = rotate(
    g,
    joined(onImage("to_k", `${name}.norm_k.weight`), onText("add_k_proj", `${name}.norm_added_k.weight`)),
    context.cos,
    context.sin,
    true,
  );
  const v = joined(onImage("to_v"), onText("add_v_proj"));
  const imageQuery = onImage("to_q", `${name}.norm_q.weight`);
  if (last) {
    const [cos, sin] = [afterText(context, context.cos, 0), afterText(context, context.sin, 0)];
    const attended = attention(g, rotate(g, imageQuery, cos, sin, true), k, v, { heads, headDim });
    return { image: gatedAdd(context, streams.image, attended, `${name}.to_out.0`, modulation.image.gate) };
  }
  const textQuery = onText("add_q_proj", `${name}.norm_added_q.weight`);
  const q = rotate(g, joined(imageQuery, textQuery), context.cos, context.sin, true);
  const attended = attention(g, q, k, v, { heads, headDim }); // [B, T + L, dim]
  const textPart = g.op("Slice", [attended, g.ints([0]), context.textLength, g.ints([1])]);
  return {
    image: gatedAdd(context, streams.image, afterText(context, attended, 1), `${name}.to_out.0`, modulation.image.gate),
    text: gatedAdd(context, streams.text, textPart, `${name}.to_add_out`, modulation.text.gate),
  };
}

function modulated({ g, dim }: BlockContext, x: Value, { byToken, scale, shift }: Modulation): Value {
  return byToken ? modulatedNormByRow(g, x, scale, shift, dim, EPS) : modulatedNorm(g, x, scale, shift, EPS);
}

/** `stream + gate · layer(update)`. stream: [B·S, dim]; update: [B, S, dim] */
function gatedAdd({ g, dim }: BlockContext, stream: Value, update: Value, layer: string, gate: Value): Value {
  const flat = g.op("Reshape", [update, g.ints([-1, dim])]);
  return g.op("Add", [stream, g.op("Mul", [linear(g, flat, layer, dim, dim, WIDE), gate])]);
}

/** Linear layer, then (for queries and keys) the norm of each head. x: [B·S, dim] → [B, S, dim] */
function project({ g, dim, headDim }: BlockContext, x: Value, layer: string, shape: Value, norm?: string): Value {
  const projected = linear(g, x, layer, dim, dim);
  return g.op("Reshape", [norm ? headNorm(g, projected, norm, headDim, EPS) : projected, shape]);
}

function afterText({ g, textLength }: BlockContext, x: Value, axis: number): Value {
  return g.op("Slice", [x, textLength, g.ints([Number.MAX_SAFE_INTEGER]), g.ints([axis])]);
}

/** `x + gate · net(norm(x))` with a tanh-approximated GELU between two linear layers. x: [n, dim] */
function feedForward(context: BlockContext, name: string, x: Value, modulation: Modulation): Value {
  const { g, dim } = context;
  const inner = 4 * dim;
  const hidden = linear(g, modulated(context, x, modulation), `${name}.net.0.proj`, dim, inner);
  const update = linear(g, g.fused("FastGelu", [hidden]), `${name}.net.2`, inner, dim, WIDE);
  return g.op("Add", [x, g.op("Mul", [update, modulation.gate])]);
}
