import type { TransformerConfig } from "../checkpoint/config.ts";
import type { Weights } from "../checkpoint/weights.ts";
import { type BuiltGraph, Graph, type Value } from "../graph/graph.ts";
import { attention, headNorm, linear, modulatedNorm, rmsNorm, rotate, shapeWith } from "../graph/layers.ts";
import { modulationCount } from "./time-embedding.ts";

/** Every norm of QwenImageTransformer2DModel uses this epsilon. */
const EPS = 1e-6;

interface Streams {
  readonly image: Value; // [B·L, dim]
  readonly text: Value; // [B·T, dim]
}

/** Modulation of one half of a block (attention or MLP) for one stream; each [dim]. */
interface Modulation {
  readonly shift: Value;
  readonly scale: Value;
  readonly gate: Value;
}

interface Context {
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

/**
 * The dual-stream transformer: predicts the velocity of packed latents.
 *
 * Inputs: `latents` [B, L, in_channels], `text` [B, T, joint_attention_dim], `cos` and `sin` [T + L, headDim/2] (text first),
 * `modulation` [modulationCount · dim], one row of the time graph. Output: `velocity` [B, L, patch² · out_channels].
 *
 * @param options.outputBlocks adds outputs `block/<i>/image` and `block/<i>/text`, for comparing stage by stage
 */
export function buildTransformer(
  config: TransformerConfig,
  weights: Weights,
  options: { outputBlocks?: boolean } = {},
): BuiltGraph {
  const { num_attention_heads: heads, attention_head_dim: headDim, num_layers: layers } = config;
  const dim = heads * headDim;
  const g = new Graph("transformer", weights);
  const latents = g.input("latents", ["B", "L", config.in_channels]);
  const text = g.input("text", ["B", "T", config.joint_attention_dim]);
  const context: Context = {
    g,
    heads,
    headDim,
    dim,
    imageShape: shapeWith(g, latents, 2, dim),
    textShape: shapeWith(g, text, 2, dim),
    textLength: g.op("Shape", [text], { start: 1, end: 2 }),
    cos: g.input("cos", ["T+L", headDim / 2]),
    sin: g.input("sin", ["T+L", headDim / 2]),
  };
  const modulations = splitModulations(g, config, dim);

  let streams = stem(context, config, latents, text);
  for (let i = 0; i < layers; i++) {
    const name = `transformer_blocks.${i}`;
    const [image, imageMlp, txt, textMlp] = modulations.blocks[i]!;
    const attended = jointAttention(context, name, streams, { image, text: txt }, i === layers - 1);
    streams = {
      image: feedForward(context, `${name}.img_mlp`, attended.image, imageMlp),
      // What the last block would do to the text, nothing reads.
      text:
        attended.text === undefined ? streams.text : feedForward(context, `${name}.txt_mlp`, attended.text, textMlp),
    };
    if (options.outputBlocks) {
      g.output(`block/${i}/image`, streams.image, ["BL", dim]);
      if (attended.text !== undefined) g.output(`block/${i}/text`, streams.text, ["BT", dim]);
    }
  }
  const channels = config.patch_size ** 2 * config.out_channels;
  const normed = modulatedNorm(g, streams.image, modulations.head.scale, modulations.head.shift, EPS);
  const velocity = linear(g, normed, "proj_out", dim, channels);
  const shape = shapeWith(g, latents, 2, channels);
  g.output("velocity", g.op("Reshape", [velocity, shape]), ["B", "L", channels]);
  return g.build();
}

function splitModulations(g: Graph, config: TransformerConfig, dim: number) {
  const count = modulationCount(config);
  const modulation = g.input("modulation", [count * dim]);
  const vectors = g.ops("Split", [modulation], count, { axis: 0, num_outputs: count });
  const at = (i: number): Modulation => ({ shift: vectors[i]!, scale: vectors[i + 1]!, gate: vectors[i + 2]! });
  const blocks = Array.from(
    { length: config.num_layers },
    (_, i) => [at(12 * i), at(12 * i + 3), at(12 * i + 6), at(12 * i + 9)] as const,
  );
  // The head's order is scale, shift: the other way round than in the blocks.
  return { blocks, head: { scale: vectors[count - 2]!, shift: vectors[count - 1]! } };
}

function stem({ g, dim }: Context, config: TransformerConfig, latents: Value, text: Value): Streams {
  const { in_channels: channels, joint_attention_dim: features } = config;
  const flatText = g.op("Reshape", [text, g.ints([-1, features])]);
  return {
    image: linear(g, g.op("Reshape", [latents, g.ints([-1, channels])]), "img_in", channels, dim),
    text: linear(g, rmsNorm(g, flatText, "txt_norm.weight", features, EPS), "txt_in", features, dim),
  };
}

/** Both streams attend to both, text first; then each adds its gated share. In the last block only the image still asks. */
function jointAttention(
  context: Context,
  block: string,
  streams: Streams,
  modulation: { image: Modulation; text: Modulation },
  last: boolean,
): { image: Value; text?: Value } {
  const { g, heads, headDim } = context;
  const image = modulatedNorm(g, streams.image, modulation.image.scale, modulation.image.shift, EPS);
  const text = modulatedNorm(g, streams.text, modulation.text.scale, modulation.text.shift, EPS);
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
    const attended = attention(g, rotate(g, imageQuery, cos, sin, true), k, v, heads, headDim);
    return { image: gatedAdd(context, streams.image, attended, `${name}.to_out.0`, modulation.image.gate) };
  }
  const textQuery = onText("add_q_proj", `${name}.norm_added_q.weight`);
  const q = rotate(g, joined(imageQuery, textQuery), context.cos, context.sin, true);
  const attended = attention(g, q, k, v, heads, headDim); // [B, T + L, dim]
  const textPart = g.op("Slice", [attended, g.ints([0]), context.textLength, g.ints([1])]);
  return {
    image: gatedAdd(context, streams.image, afterText(context, attended, 1), `${name}.to_out.0`, modulation.image.gate),
    text: gatedAdd(context, streams.text, textPart, `${name}.to_add_out`, modulation.text.gate),
  };
}

/** `stream + gate · layer(update)`. stream: [B·S, dim]; update: [B, S, dim] */
function gatedAdd({ g, dim }: Context, stream: Value, update: Value, layer: string, gate: Value): Value {
  const flat = g.op("Reshape", [update, g.ints([-1, dim])]);
  return g.op("Add", [stream, g.op("Mul", [linear(g, flat, layer, dim, dim), gate])]);
}

/** Linear layer, then (for queries and keys) the norm of each head. x: [B·S, dim] → [B, S, dim] */
function project({ g, dim, headDim }: Context, x: Value, layer: string, shape: Value, norm?: string): Value {
  const projected = linear(g, x, layer, dim, dim);
  return g.op("Reshape", [norm ? headNorm(g, projected, norm, headDim, EPS) : projected, shape]);
}

function afterText({ g, textLength }: Context, x: Value, axis: number): Value {
  return g.op("Slice", [x, textLength, g.ints([Number.MAX_SAFE_INTEGER]), g.ints([axis])]);
}

/** `x + gate · net(norm(x))` with a tanh-approximated GELU between two linear layers. x: [n, dim] */
function feedForward({ g, dim }: Context, name: string, x: Value, { shift, scale, gate }: Modulation): Value {
  const inner = 4 * dim;
  const hidden = linear(g, modulatedNorm(g, x, scale, shift, EPS), `${name}.net.0.proj`, dim, inner);
  const update = linear(g, g.fused("FastGelu", [hidden]), `${name}.net.2`, inner, dim);
  return g.op("Add", [x, g.op("Mul", [update, gate])]);
}
