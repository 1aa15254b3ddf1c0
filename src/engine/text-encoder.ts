import { attention, type BuiltGraph, Graph, linear, rmsNorm, rotate, silu, type Value } from "../onnx/index.ts";
import type { Weights } from "../weights/index.ts";
import type { TextEncoderConfig } from "./checkpoint/config.ts";

/**
 * Sizes of the text encoder that follow from its config. `sections` are the frequencies that follow time, row and column of a
 * token; where a file does not give them they are Qwen2.5-VL-7B's.
 */
export function textEncoderSizes(config: TextEncoderConfig) {
  const headDim = config.head_dim ?? config.hidden_size / config.num_attention_heads;
  const theta = config.rope_theta ?? config.rope_parameters?.rope_theta ?? 1e6;
  const sections = config.rope_scaling?.mrope_section ?? config.rope_parameters?.mrope_section ?? [16, 24, 24];
  return { headDim, theta, sections };
}

/**
 * The language tower of Qwen2.5-VL up to its final norm, for one unpadded prompt.
 *
 * Inputs: `ids` [1, S] int64, `cos` and `sin` [S, headDim/2]. Output: `embeddings` [S, hidden].
 *
 * @param options.images with inputs `image/tokens` [M, hidden] and `image/rows` [M, 1] int64: the rows of the prompt that they take
 */
export function buildTextEncoder(
  config: TextEncoderConfig,
  weights: Weights,
  { images = false }: { images?: boolean } = {},
): BuiltGraph {
  const g = new Graph("text encoder", weights);
  const { hidden_size: hidden, rms_norm_eps: eps } = config;
  const { headDim } = textEncoderSizes(config);
  // transformers ≥ 4.52 saves the tower under model.language_model, the official files under model.
  const prefix = g.hasWeight("model.language_model.norm.weight") ? "model.language_model" : "model";

  const ids = g.input("ids", [1, "S"], "I64");
  const rotary = { cos: g.input("cos", ["S", headDim / 2]), sin: g.input("sin", ["S", headDim / 2]) };
  const table = g.weight(`${prefix}.embed_tokens.weight`, [config.vocab_size, hidden]);
  let x = g.op("Gather", [table, g.op("Reshape", [ids, g.ints([-1])])]); // [S, hidden]

  if (images) {
    const tokens = g.input("image/tokens", ["M", hidden]);
    x = g.op("ScatterND", [x, g.input("image/rows", ["M", 1], "I64"), tokens]);
  }
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const layer = `${prefix}.layers.${i}`;
    const attended = selfAttention(
      g,
      rmsNorm(g, x, `${layer}.input_layernorm.weight`, hidden, eps),
      `${layer}.self_attn`,
      config,
      rotary,
    );
    x = g.op("Add", [x, attended]);
    x = g.op("Add", [
      x,
      mlp(g, rmsNorm(g, x, `${layer}.post_attention_layernorm.weight`, hidden, eps), `${layer}.mlp`, config),
    ]);
  }
  g.output("embeddings", rmsNorm(g, x, `${prefix}.norm.weight`, hidden, eps), ["S", hidden]);
  return g.build();
}

/** Causal attention with grouped keys and values. x: [S, hidden] → [S, hidden] */
function selfAttention(
  g: Graph,
  x: Value,
  name: string,
  config: TextEncoderConfig,
  rotary: { cos: Value; sin: Value },
): Value {
  const { hidden_size: hidden, num_attention_heads: heads, num_key_value_heads: groups } = config;
  const { headDim } = textEncoderSizes(config);
  const project = (part: string, count: number) =>
    g.op("Reshape", [linear(g, x, `${name}.${part}_proj`, hidden, count * headDim), g.ints([1, -1, count * headDim])]);
  const q = rotate(g, project("q", heads), rotary.cos, rotary.sin, false);
  const k = repeatHeads(g, rotate(g, project("k", groups), rotary.cos, rotary.sin, false), groups, heads, headDim);
  const v = repeatHeads(g, project("v", groups), groups, heads, headDim);
  const attended = g.op("Reshape", [
    attention(g, q, k, v, { heads, headDim, causal: true }),
    g.ints([-1, heads * headDim]),
  ]);
  return linear(g, attended, `${name}.o_proj`, heads * headDim, hidden, false);
}

/** Query head i uses group ⌊i · groups / heads⌋. x: [1, S, groups · headDim] → [1, S, heads · headDim] */
function repeatHeads(g: Graph, x: Value, groups: number, heads: number, headDim: number): Value {
  if (groups === heads) return x;
  const split = g.op("Reshape", [x, g.ints([-1, groups, 1, headDim])]);
  const repeated = g.op("Expand", [split, g.ints([1, 1, heads / groups, 1])]);
  return g.op("Reshape", [repeated, g.ints([1, -1, heads * headDim])]);
}

/** SwiGLU: `down(silu(gate(x)) · up(x))`. x: [S, hidden] */
function mlp(g: Graph, x: Value, name: string, { hidden_size: hidden, intermediate_size: inner }: TextEncoderConfig) {
  const gate = silu(g, linear(g, x, `${name}.gate_proj`, hidden, inner, false));
  const up = linear(g, x, `${name}.up_proj`, hidden, inner, false);
  return linear(g, g.op("Mul", [gate, up]), `${name}.down_proj`, inner, hidden, false);
}
