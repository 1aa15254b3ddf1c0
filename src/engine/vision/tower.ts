import { attention, type BuiltGraph, Graph, linear, rmsNorm, rotate, silu, type Value } from "../../onnx/index.ts";
import type { Weights } from "../../weights/index.ts";
import type { VisionConfig } from "../checkpoint/config.ts";

/** Values that all blocks of the tower share. */
interface TowerContext {
  readonly g: Graph;
  readonly config: VisionConfig;
  readonly rotary: { readonly cos: Value; readonly sin: Value };
  readonly windows: Windows;
}

interface Windows {
  readonly rows: Value; // [windows · length]
  readonly places: Value; // [N]
  readonly bias: Value; // [windows, 1, length, length]
  readonly shape: Value; // [windows, length, hidden]
}

/**
 * The vision tower of Qwen2.5-VL for one image, and the merger that turns each cell of patches into one image token.
 *
 * Inputs, with patches in the order of the windows:
 * - `patches` [N, 3 · frames · patch²]
 * - `cos` and `sin` [N, headDim/2]
 * - `rows` [windows · length], `places` [N] and `bias` [windows, 1, length, length] of `PaddedWindows`
 *
 * Output: `tokens` [N / merge², out_hidden_size], cells in the order of the windows.
 */
export function buildVisionTower(config: VisionConfig, weights: Weights): BuiltGraph {
  const g = new Graph("vision tower", weights);
  const { hidden_size: hidden, num_heads: heads, depth } = config;
  const prefix = g.hasWeight("model.visual.merger.ln_q.weight") ? "model.visual" : "visual";
  const halfHead = hidden / heads / 2;
  const patches = g.input("patches", ["N", patchFeatures(config)]);
  const context: TowerContext = {
    ...{ g, config },
    rotary: { cos: g.input("cos", ["N", halfHead]), sin: g.input("sin", ["N", halfHead]) },
    windows: windowInputs(g, hidden),
  };
  let x = embedPatches(context, patches, `${prefix}.patch_embed.proj.weight`); // [N, hidden]
  for (let i = 0; i < depth; i++) {
    const block = `${prefix}.blocks.${i}`;
    const windowed = !config.fullatt_block_indexes.includes(i);
    const normed = rmsNorm(g, x, `${block}.norm1.weight`, hidden, config.rms_norm_eps);
    x = g.op("Add", [x, selfAttention(context, normed, `${block}.attn`, windowed)]);
    const next = rmsNorm(g, x, `${block}.norm2.weight`, hidden, config.rms_norm_eps);
    x = g.op("Add", [x, mlp(context, next, `${block}.mlp`)]);
  }
  g.output("tokens", merge(context, x, `${prefix}.merger`), ["cells", config.out_hidden_size]);
  return g.build();
}

/** Number of values in a patch: channels · frames · side². */
export function patchFeatures({ in_channels: channels, temporal_patch_size: frames, patch_size: side }: VisionConfig) {
  return channels * frames * side * side;
}

function windowInputs(g: Graph, hidden: number): Windows {
  const bias = g.input("bias", ["windows", 1, "length", "length"]);
  const sizes = g.op("Shape", [bias]);
  return {
    rows: g.input("rows", ["places"], "I64"),
    places: g.input("places", ["N"], "I64"),
    bias,
    shape: g.op("Concat", [g.op("Gather", [sizes, g.ints([0, 2])]), g.ints([hidden])], { axis: 0 }),
  };
}

/** A convolution whose stride equals its kernel: one matrix for the flattened patch. [N, features] → [N, hidden] */
function embedPatches({ g, config }: TowerContext, patches: Value, name: string): Value {
  const { hidden_size: hidden, in_channels: channels, temporal_patch_size: frames, patch_size: side } = config;
  const kernel = g.weight(name, [hidden, channels, frames, side, side]);
  return g.op("Gemm", [patches, g.op("Reshape", [kernel, g.ints([hidden, -1])])], { transB: 1 });
}

/** Attention within each window, or over the whole image. x: [N, hidden] → [N, hidden] */
function selfAttention({ g, config, rotary, windows }: TowerContext, x: Value, name: string, windowed: boolean): Value {
  const { hidden_size: hidden, num_heads: heads } = config;
  const headDim = hidden / heads;
  const parts = g.ops("Split", [linear(g, x, `${name}.qkv`, hidden, 3 * hidden)], 3, { axis: 1, num_outputs: 3 });
  const flat = g.ints([-1, hidden]);
  const asPicture = (part: Value) => g.op("Reshape", [part, g.ints([1, -1, hidden])]); // [1, N, hidden]
  const rotated = (part: Value) => rotate(g, asPicture(part), rotary.cos, rotary.sin, false);
  const [q, k, v] = [rotated(parts[0]!), rotated(parts[1]!), asPicture(parts[2]!)];
  if (!windowed) {
    const attended = g.op("Reshape", [attention(g, q, k, v, { heads, headDim }), flat]);
    return linear(g, attended, `${name}.proj`, hidden, hidden);
  }
  const inWindows = (part: Value) =>
    g.op("Reshape", [g.op("Gather", [g.op("Reshape", [part, flat]), windows.rows]), windows.shape]);
  const attended = attention(g, inWindows(q), inWindows(k), inWindows(v), { heads, headDim, bias: windows.bias });
  const back = g.op("Gather", [g.op("Reshape", [attended, flat]), windows.places]);
  return linear(g, back, `${name}.proj`, hidden, hidden);
}

/** `down(silu(gate(x)) · up(x))`, with biases. x: [N, hidden] */
function mlp({ g, config }: TowerContext, x: Value, name: string): Value {
  const { hidden_size: hidden, intermediate_size: inner } = config;
  const gate = silu(g, linear(g, x, `${name}.gate_proj`, hidden, inner));
  const up = linear(g, x, `${name}.up_proj`, hidden, inner);
  return linear(g, g.op("Mul", [gate, up]), `${name}.down_proj`, inner, hidden);
}

/** The patches of a cell, which are consecutive, become one token. [N, features] → [N / merge², out_hidden_size] */
function merge({ g, config }: TowerContext, x: Value, name: string): Value {
  const { hidden_size: hidden, spatial_merge_size: side, out_hidden_size: out, rms_norm_eps: eps } = config;
  const wide = hidden * side * side;
  const cells = g.op("Reshape", [rmsNorm(g, x, `${name}.ln_q.weight`, hidden, eps), g.ints([-1, wide])]);
  const inner = g.op("Gelu", [linear(g, cells, `${name}.mlp.0`, wide, wide)]);
  return linear(g, inner, `${name}.mlp.2`, wide, out);
}
