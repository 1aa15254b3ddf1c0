import type { Graph, Value } from "./graph.ts";

/** Layers shared by the networks of the model. Streams are two-dimensional, [tokens, features], where a layer allows it. */

/** `x / √(mean(x²) + eps) · weight` over the last axis. */
export function rmsNorm(g: Graph, x: Value, weight: string, features: number, eps: number): Value {
  return g.op("RMSNormalization", [x, g.weight(weight, [features])], { axis: -1, epsilon: { float: eps } });
}

/** LayerNorm without parameters of its own, then `· scale + shift`: one fused operator. scale, shift: [features] */
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

/** RMS norm of every head by itself. x: [n, heads · headDim] → [n · heads, headDim], to be reshaped by the caller */
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
 * @param options.bias [B, 1, S, S], added to the scores of all heads alike
 */
export function attention(
  g: Graph,
  q: Value,
  k: Value,
  v: Value,
  { heads, headDim, causal = false, bias }: { heads: number; headDim: number; causal?: boolean; bias?: Value },
): Value {
  return g.fused("MultiHeadAttention", bias ? [q, k, v, undefined, undefined, bias] : [q, k, v], {
    num_heads: heads,
    scale: { float: 1 / Math.sqrt(headDim) },
    unidirectional: causal ? 1 : 0,
  });
}

/** The first `count` sizes of x as a shape with `last` appended: the target of a reshape that only changes what follows. */
export function shapeWith(g: Graph, x: Value, count: number, last: number): Value {
  const leading = g.op("Shape", [x], { start: 0, end: count });
  return g.op("Concat", [leading, g.ints([last])], { axis: 0 });
}
