import {
  attention,
  type BuiltGraph,
  type Device,
  Graph,
  linear,
  rmsNorm,
  rotate,
  silu,
  type Value,
} from "../onnx/index.ts";
import type { Weight, Weights } from "../weights/index.ts";
import type { TextEncoderConfig } from "./checkpoint/config.ts";

/**
 * Sizes of the text encoder from its config. `sections` are the numbers of frequencies for time, row and column of a token. If a file omits
 * them, they are those of Qwen2.5-VL-7B.
 */
export function textEncoderSizes(config: TextEncoderConfig) {
  const headDim = config.head_dim ?? config.hidden_size / config.num_attention_heads;
  const theta = config.rope_theta ?? config.rope_parameters?.rope_theta ?? 1e6;
  const sections = config.rope_scaling?.mrope_section ?? config.rope_parameters?.mrope_section ?? [16, 24, 24];
  return { headDim, theta, sections };
}

/** A part of the tower: layers `from` up to but not including `to`. The last layer includes the final norm. */
export interface Layers {
  readonly from: number;
  readonly to: number;
}

/**
 * The language tower of Qwen2.5-VL up to its final norm, or a part of it, for one prompt without padding. Its input is the rows of the
 * embedding table, which the host reads (`embeddingTable`).
 *
 * Inputs: `states` [S, hidden], `cos` and `sin` [S, headDim/2]. Output: `states/out` [S, hidden].
 */
export function buildTextEncoder(
  config: TextEncoderConfig,
  weights: Weights,
  { from, to }: Layers = { from: 0, to: config.num_hidden_layers },
  device?: Device,
): BuiltGraph {
  const { hidden_size: hidden, rms_norm_eps: eps, num_hidden_layers: layers } = config;
  const whole = from === 0 && to === layers;
  const name = whole ? "text encoder" : `text encoder (layers ${from}…${to - 1} of ${layers})`;
  const g = new Graph(name, weights, undefined, device);
  const { headDim } = textEncoderSizes(config);
  const prefix = towerPrefix(weights);
  const rotary = { cos: g.input("cos", ["S", headDim / 2]), sin: g.input("sin", ["S", headDim / 2]) };
  let x = g.input("states", ["S", hidden]);
  for (let i = from; i < to; i++) {
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
  if (to === layers) x = rmsNorm(g, x, `${prefix}.norm.weight`, hidden, eps);
  g.output("states/out", x, ["S", hidden]);
  return g.build();
}

/** The embedding table [vocabulary, hidden]. A prompt needs a few of its rows. */
export function embeddingTable(config: TextEncoderConfig, weights: Weights): Weight {
  return weights.get(`${towerPrefix(weights)}.embed_tokens.weight`, [config.vocab_size, config.hidden_size]);
}

/** transformers ≥ 4.52 saves the tower under model.language_model, the official files use model. */
function towerPrefix(weights: Weights): string {
  return weights.has("model.language_model.norm.weight") ? "model.language_model" : "model";
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
  return linear(g, attended, `${name}.o_proj`, heads * headDim, hidden, { bias: false });
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
  const gate = silu(g, linear(g, x, `${name}.gate_proj`, hidden, inner, { bias: false }));
  const up = linear(g, x, `${name}.up_proj`, hidden, inner, { bias: false });
  return linear(g, g.op("Mul", [gate, up]), `${name}.down_proj`, inner, hidden, { bias: false });
}
