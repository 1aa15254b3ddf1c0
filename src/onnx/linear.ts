import { rotationMatrix } from "../weights/index.ts";
import type { Graph, Matrix, Value } from "./graph.ts";
import { DataType } from "./schema.ts";

export interface LinearOptions {
  /** Whether it adds a bias. Default: true. */
  readonly bias?: boolean;
  /** Multiplies in float32 whatever the device's precision: for layers whose results may exceed the largest float16. */
  readonly wide?: boolean;
}

/**
 * `y = x Wᵀ + b`, with W in any form; plus `x downᵀ upᵀ` in float32 if an adapter feeds low-rank factors.
 * x: [n, from] → [n, to]
 */
export function linear(
  g: Graph,
  x: Value,
  name: string,
  from: number,
  to: number,
  { bias = true, wide = false }: LinearOptions = {},
): Value {
  const type = g.device.precision === "float16" && !wide ? "F16" : "F32";
  const matrix = g.matrix(`${name}.weight`, [to, from], type);
  const added = bias ? g.weight(`${name}.bias`, [to]) : undefined;
  const y = PRODUCTS[matrix.form](g, x, matrix as never, { from, to, type }, added);
  const adapter = g.lowRank(name, from, to);
  if (!adapter) return y;
  const reduced = g.op("Gemm", [x, adapter.down], { transB: 1 }); // [n, rank]
  return g.op("Gemm", [reduced, adapter.up, y], { transB: 1 });
}

type Form<F extends Matrix["form"]> = Extract<Matrix, { form: F }>;
type Product<F extends Matrix["form"]> = (
  g: Graph,
  x: Value,
  matrix: Form<F>,
  sizes: { readonly from: number; readonly to: number; readonly type: "F32" | "F16" },
  bias: Value | undefined,
) => Value;

/**
 * The operator for each form:
 *
 * | form | operator on the CPU | weights | on a GPU |
 * | --- | --- | --- | --- |
 * | plain | `Gemm` in float32 | copied at load | `Gemm` in its precision |
 * | int8 | `MatMulIntegerToFloat` with a scale for each token; 7-bit activations if `Device` requires them | in the file | plain at load, `MatMul` in its precision |
 * | blocks | `MatMulNBits` at accuracy level 4, minima by another product | copied at load | the same, activations in its precision |
 */
const PRODUCTS: { readonly [F in Matrix["form"]]: Product<F> } = {
  plain(g, x, { values }, { type }, bias) {
    if (type === "F16") return widened(g, g.op("Gemm", [g.cast(x, type), values], { transB: 1 }), bias);
    return g.op("Gemm", bias ? [x, values, bias] : [x, values], { transB: 1 });
  },

  int8(g, x, { values, scales, rotation }, { from, type }, bias) {
    if (g.device.provider !== "cpu") {
      const plain = g.op("Mul", [g.op("Cast", [values], { to: DataType.F32 }), scales]); // [from, to]
      const rotated = rotate(g, x, from, rotation);
      if (type === "F16") return widened(g, g.op("MatMul", [g.cast(rotated, type), g.cast(plain, type)]), bias);
      return plus(g, g.op("MatMul", [rotated, plain]), bias);
    }
    const { codes, steps, zero } = quantised(g, x, from, rotation);
    const product = g.fused("MatMulIntegerToFloat", [codes, values, g.scalar(1), scales, zero]);
    return plus(g, g.op("Mul", [product, steps]), bias);
  },

  blocks(g, x, { values, scales, minima, bits, block }, { from, to, type }, bias) {
    const sizes = { K: from, N: to, bits, block_size: block, accuracy_level: 4 };
    const product =
      type === "F16"
        ? widened(g, g.fused("MatMulNBits", [g.cast(x, type), values, g.cast(scales, type)], sizes), bias)
        : g.fused("MatMulNBits", [x, values, scales, undefined, undefined, bias], sizes);
    if (!minima) return product;
    const sums = g.shared(`${x} summed by ${block}`, () => {
      const blocks = g.op("Reshape", [x, g.ints([-1, from / block, block])]);
      return g.op("ReduceSum", [blocks, g.ints([2])], { keepdims: 0 }); // [n, from / block]
    });
    return g.op("Gemm", [sums, minima, product], { transB: 1, alpha: { float: -1 } });
  },
};

/** A product in float16 as float32, the bias added there. */
function widened(g: Graph, product: Value, bias: Value | undefined): Value {
  return plus(g, g.cast(product, "F32"), bias);
}

function plus(g: Graph, y: Value, bias: Value | undefined): Value {
  return bias ? g.op("Add", [y, bias]) : y;
}

/**
 * Rounds every token to 8 bits with a separate scale, after the rotation of the weights, once for all layers that read `x`.
 * `x ≈ rot⁻¹((codes − zero) · steps)`. codes: [n, from]; steps: [n, 1]
 */
function quantised(g: Graph, x: Value, from: number, rotation: number): { codes: Value; steps: Value; zero: Value } {
  return g.shared(`${x} in 8 bits, rotated by ${rotation}`, () => {
    const bits = g.device.activationBits;
    const zero = g.byte(2 ** (bits - 1));
    const most = 2 ** (bits - 1) - 1;
    const rotated = rotate(g, x, from, rotation);
    const peaks = g.op("ReduceMax", [g.op("Abs", [rotated]), g.ints([1])], { keepdims: 1 });
    // Avoids a division by zero for a token of zeros.
    const steps = g.op("Max", [g.op("Mul", [peaks, g.scalar(1 / most)]), g.scalar(1e-30)]);
    const flat = g.op("Reshape", [steps, g.ints([-1])]);
    const zeros = g.op("Expand", [zero, g.op("Shape", [flat])]);
    return { codes: g.op("QuantizeLinear", [rotated, flat, zeros], { axis: 0 }), steps, zero };
  });
}

function rotate(g: Graph, x: Value, from: number, group: number): Value {
  if (group === 1) return x;
  const matrix = g.shared(`rotation by ${group}`, () => g.floats([...rotationMatrix(group)], [group, group]));
  const groups = g.op("Reshape", [x, g.ints([-1, group])]);
  return g.op("Reshape", [g.op("MatMul", [groups, matrix]), g.ints([-1, from])]);
}
