import type { Graph, Value } from "../onnx/index.ts";
import { attention, silu } from "../onnx/index.ts";

/** Layers of AutoencoderKLQwenImage for a single frame. Pictures are [B, C, H, W]. */

/**
 * A causal 3-D convolution applied to one frame: of its temporal taps only the last touches data, so it is a 2-D
 * convolution with that tap (model spec 5.1). Weight [to, from, size, size, size]; ONNX Runtime folds the slice at load.
 */
export function frameConv(g: Graph, x: Value, name: string, from: number, to: number, size: 1 | 3): Value {
  const weight = g.weight(`${name}.weight`, [to, from, size, size, size]);
  const lastTap = size === 1 ? weight : g.op("Slice", [weight, g.ints([size - 1]), g.ints([size]), g.ints([2])]);
  const kernel = g.op("Squeeze", [lastTap, g.ints([2])]);
  const pad = (size - 1) / 2;
  return g.op("Conv", [x, kernel, g.weight(`${name}.bias`, [to])], { pads: [pad, pad, pad, pad] });
}

/** An ordinary 2-D convolution. pads: top, left, bottom, right */
export function conv2d(
  g: Graph,
  x: Value,
  name: string,
  from: number,
  to: number,
  { size, stride = 1, pads = [0, 0, 0, 0] }: { size: number; stride?: number; pads?: number[] },
): Value {
  const inputs = [x, g.weight(`${name}.weight`, [to, from, size, size]), g.weight(`${name}.bias`, [to])];
  return g.op("Conv", inputs, { pads, strides: [stride, stride] });
}

/**
 * `x / max(‖x‖₂, 1e-12) · √C · gamma`, the norm over channels. gamma: [C, 1, 1, 1], in attention [C, 1, 1]
 *
 * The squares are summed as a product with a row of ones: ReduceL2 over a middle axis took a fifth of the decoder's time.
 */
export function channelNorm(g: Graph, x: Value, name: string, channels: number, gammaRank: 3 | 4 = 4): Value {
  const gamma = g.weight(`${name}.gamma`, [channels, ...Array<number>(gammaRank - 1).fill(1)]);
  const factor = g.op("Mul", [g.op("Reshape", [gamma, g.ints([channels, 1])]), g.scalar(Math.sqrt(channels))]);
  const flat = g.op("Reshape", [x, g.ints([0, channels, -1])]); // [B, C, HW]
  const ones = g.floats(Array<number>(channels).fill(1), [1, channels]);
  const squares = g.op("MatMul", [ones, g.op("Mul", [flat, flat])]); // [B, 1, HW]
  const norm = g.op("Max", [g.op("Sqrt", [squares]), g.scalar(1e-12)]);
  const normed = g.op("Mul", [g.op("Div", [flat, norm]), factor]);
  return g.op("Reshape", [normed, g.op("Shape", [x])]);
}

/** `shortcut(x) + conv2(silu(norm2(conv1(silu(norm1(x))))))` */
export function resnet(g: Graph, x: Value, name: string, from: number, to: number): Value {
  const shortcut = from === to ? x : frameConv(g, x, `${name}.conv_shortcut`, from, to, 1);
  const first = frameConv(g, silu(g, channelNorm(g, x, `${name}.norm1`, from)), `${name}.conv1`, from, to, 3);
  const second = frameConv(g, silu(g, channelNorm(g, first, `${name}.norm2`, to)), `${name}.conv2`, to, to, 3);
  return g.op("Add", [shortcut, second]);
}

/** Single-head attention over all positions, added to its input. */
function spatialAttention(g: Graph, x: Value, name: string, channels: number): Value {
  const qkv = conv2d(g, channelNorm(g, x, `${name}.norm`, channels, 3), `${name}.to_qkv`, channels, 3 * channels, {
    size: 1,
  });
  const flat = g.op("Reshape", [qkv, g.ints([0, 0, -1])]); // [B, 3C, HW]
  const rows = g.op("Transpose", [flat], { perm: [0, 2, 1] }); // [B, HW, 3C]
  const [q, k, v] = g.ops("Split", [rows], 3, { axis: 2, num_outputs: 3 }) as [Value, Value, Value];
  const attended = g.op("Transpose", [attention(g, q, k, v, { heads: 1, headDim: channels })], { perm: [0, 2, 1] }); // [B, C, HW]
  const spatial = g.op("Reshape", [attended, g.op("Shape", [x])]);
  return g.op("Add", [x, conv2d(g, spatial, `${name}.proj`, channels, channels, { size: 1 })]);
}

export function midBlock(g: Graph, x: Value, name: string, channels: number): Value {
  const first = resnet(g, x, `${name}.resnets.0`, channels, channels);
  const attended = spatialAttention(g, first, `${name}.attentions.0`, channels);
  return resnet(g, attended, `${name}.resnets.1`, channels, channels);
}
