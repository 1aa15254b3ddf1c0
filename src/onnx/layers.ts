import type { Graph, Value } from "./graph.ts";

/** Layers that the networks share. Streams are two-dimensional, [tokens, features], if a layer allows it. */

/** `x / √(mean(x²) + eps) · weight` over the last axis. */
export function rmsNorm(g: Graph, x: Value, weight: string, features: number, eps: number): Value {
  return g.op("RMSNormalization", [x, g.weight(weight, [features])], { axis: -1, epsilon: { float: eps } });
}

/** LayerNorm without parameters, then `· scale + shift`: one fused operator. scale, shift: [features] */
export function modulatedNorm(g: Graph, x: Value, scale: Value, shift: Value, eps: number): Value {
  return g.op("LayerNormalization", [x, scale, shift], { axis: -1, epsilon: { float: eps } });
}

/** `modulatedNorm` with a scale and a shift for each row. scale, shift: [n, features] */
export function modulatedNormByRow(
  g: Graph,
  x: Value,
  scale: Value,
  shift: Value,
  features: number,
  eps: number,
): Value {
  const ones = g.op("Expand", [g.floats([1]), g.ints([features])]);
  const normed = g.op("LayerNormalization", [x, ones], { axis: -1, epsilon: { float: eps } });
  return g.op("Add", [g.op("Mul", [normed, scale]), shift]);
}

/** RMS norm of each head. x: [n, heads · headDim] → [n · heads, headDim], which the caller reshapes */
export function headNorm(g: Graph, x: Value, weight: string, headDim: number, eps: number): Value {
  return rmsNorm(g, g.op("Reshape", [x, g.ints([-1, headDim])]), weight, headDim, eps);
}

/** `x · sigmoid(x)` */
export function silu(g: Graph, x: Value): Value {
  return g.fused("QuickGelu", [x], { alpha: { float: 1 } });
}

/**
 * Rotates feature pairs of every head by the angles of its position.
 * x: [B, S, heads · headDim]; cos, sin: [S, headDim / 2].
 * `interleaved` pairs features (2k, 2k+1), otherwise (k, k + headDim/2).
 */
export function rotate(g: Graph, x: Value, cos: Value, sin: Value, interleaved: boolean): Value {
  return g.fused("RotaryEmbedding", [x, g.ints([0]), cos, sin], { interleaved: interleaved ? 1 : 0 });
}

/**
 * `softmax(q kᵀ / √headDim + bias) v`. q, k, v: [B, S, heads · headDim]
 * @param options.bias [B, 1, S, S], added to the scores of every head
 */
export function attention(g: Graph, q: Value, k: Value, v: Value, options: AttentionOptions): Value {
  if (g.device.attention === "written out") return attentionWrittenOut(g, q, k, v, options);
  const { heads, headDim, causal = false, bias } = options;
  const type = g.device.precision === "float16" ? "F16" : "F32";
  const narrow = (x: Value) => (type === "F16" ? g.cast(x, type) : x);
  const [narrowQ, narrowK, narrowV] = [narrow(q), narrow(k), narrow(v)];
  const inputs = bias ? [narrowQ, narrowK, narrowV, undefined, undefined, narrow(bias)] : [narrowQ, narrowK, narrowV];
  const attended = g.fused("MultiHeadAttention", inputs, {
    num_heads: heads,
    scale: { float: 1 / Math.sqrt(headDim) },
    unidirectional: causal ? 1 : 0,
  });
  return type === "F16" ? g.cast(attended, "F32") : attended;
}

/** Shape and mask of attention. `causal` hides later tokens. */
export interface AttentionOptions {
  readonly heads: number;
  readonly headDim: number;
  readonly causal?: boolean;
  readonly bias?: Value;
  /**
   * Number of parts of the queries, computed one after the other where attention is written out: for one head with many tokens. S is
   * at least this number. Not with `causal` or `bias`. Default: 1.
   */
  readonly queryParts?: number;
}

/** One head at a time: its scores take 69 MB at 4,160 tokens, those of all 24 heads 1.7 GB. */
function attentionWrittenOut(g: Graph, q: Value, k: Value, v: Value, options: AttentionOptions): Value {
  const { heads, headDim, causal = false, bias, queryParts = 1 } = options;
  const byHead = (x: Value, perm: readonly number[]) =>
    g.op("Transpose", [g.op("Reshape", [x, shapeWith(g, x, 2, heads, headDim)])], { perm });
  const scaled = g.op("Mul", [q, g.scalar(1 / Math.sqrt(headDim))]);
  const queries = byHead(scaled, [0, 2, 1, 3]); // [B, heads, S, headDim]
  const keys = byHead(k, [0, 2, 3, 1]); // [B, heads, headDim, S]
  const values = byHead(v, [0, 2, 1, 3]);
  const later = causal ? laterTokens(g, q) : undefined;
  const product = (a: Value, b: Value) => {
    if (g.device.precision === "float32") return g.op("MatMul", [a, b]);
    return g.cast(g.op("MatMul", [g.cast(a, "F16"), g.cast(b, "F16")]), "F32");
  };
  const attend = (queries: Value, keys: Value, values: Value) => {
    let scores = product(queries, keys); // [B, 1, S, S]
    if (bias) scores = g.op("Add", [scores, bias]);
    if (later) scores = g.op("Add", [scores, later]);
    return product(softmax(g, scores), values);
  };
  const attended: Value[] = [];
  for (let head = 0; head < heads; head++) {
    const one = (x: Value) => g.op("Slice", [x, g.ints([head]), g.ints([head + 1]), g.ints([1])]);
    const [k, v] = [one(keys), one(values)];
    const parts = inParts(g, one(queries), queryParts).map((queries) => attend(queries, k, v));
    attended.push(concat(g, parts, 2));
  }
  const joined = concat(g, attended, 1);
  return g.op("Reshape", [g.op("Transpose", [joined], { perm: [0, 2, 1, 3] }), shapeWith(g, q, 2, heads * headDim)]);
}

/**
 * Softmax over the last axis. The operator of WebGPU (1.30) is wrong without an error for tensors larger than what the adapter binds as one
 * buffer: 134 MB on some. ONNX Runtime divides the tensors of these operators.
 */
function softmax(g: Graph, x: Value): Value {
  const powers = g.op("Exp", [g.op("Sub", [x, g.op("ReduceMax", [x, g.ints([-1])], { keepdims: 1 })])]);
  return g.op("Div", [powers, g.op("ReduceSum", [powers, g.ints([-1])], { keepdims: 1 })]);
}

/** x: [B, heads, S, headDim], cut along S into parts of nearly equal length. */
function inParts(g: Graph, x: Value, count: number): Value[] {
  if (count === 1) return [x];
  const tokens = g.op("Shape", [x], { start: 2, end: 3 });
  const at = (i: number) => g.op("Div", [g.op("Mul", [tokens, g.ints([i])]), g.ints([count])]);
  return Array.from({ length: count }, (_, i) => g.op("Slice", [x, at(i), at(i + 1), g.ints([2])]));
}

function concat(g: Graph, parts: readonly Value[], axis: number): Value {
  return parts.length === 1 ? parts[0]! : g.op("Concat", parts, { axis });
}

/** -1e30 for later tokens, else 0: [S, S] */
function laterTokens(g: Graph, q: Value): Value {
  const tokens = g.op("Shape", [q], { start: 1, end: 2 });
  const square = g.op("Concat", [tokens, tokens], { axis: 0 });
  const seen = g.op("Trilu", [g.op("Expand", [g.scalar(1), square])], { upper: 0 });
  return g.op("Mul", [g.op("Sub", [seen, g.scalar(1)]), g.scalar(1e30)]);
}

/**
 * A convolution of images. x: [B, from, H, W]; kernel: [to, from, size, size]
 *
 * The operator of WebGPU is wrong by a third and more, without an error, for some shapes. These are kernels larger than 1 with an even
 * `from` that is not a multiple of 4. Two channels of zeros are added then.
 */
export function convolution(
  g: Graph,
  x: Value,
  kernel: Value,
  bias: Value,
  from: number,
  attributes: { readonly pads: number[]; readonly strides?: number[] },
): Value {
  if (g.device.provider !== "webgpu" || from % 4 !== 2) return g.op("Conv", [x, kernel, bias], attributes);
  const widened = (value: Value) => g.op("Pad", [value, g.ints([0, 0, 0, 0, 0, 2, 0, 0])]);
  return g.op("Conv", [widened(x), widened(kernel), bias], attributes);
}

/**
 * Splits a vector into `count` parts of `size`. If the device does not support that many outputs, each part is a slice.
 * x: [count · size]
 */
export function parts(g: Graph, x: Value, count: number, size: number): Value[] {
  if (count <= g.device.widestSplit) return g.ops("Split", [x], count, { axis: 0, num_outputs: count });
  return Array.from({ length: count }, (_, i) =>
    g.op("Slice", [x, g.ints([i * size]), g.ints([(i + 1) * size]), g.ints([0])]),
  );
}

/** A shape with the first `count` sizes of x, then `last`: the target of a reshape that changes only the later axes. */
export function shapeWith(g: Graph, x: Value, count: number, ...last: number[]): Value {
  const leading = g.op("Shape", [x], { start: 0, end: count });
  return g.op("Concat", [leading, g.ints(last)], { axis: 0 });
}
