import { rotationMatrix } from "../weights/index.ts";
import type { Graph, Matrix, Value } from "./graph.ts";
import { DataType } from "./schema.ts";

/**
 * `y = x Wᵀ + b`, with W in any form; plus `x downᵀ upᵀ` if an adapter feeds low-rank factors.
 * x: [n, from] → [n, to]
 */
export function linear(g: Graph, x: Value, name: string, from: number, to: number, bias = true): Value {
  const matrix = g.matrix(`${name}.weight`, [to, from]);
  const y = PRODUCTS[matrix.form](
    g,
    x,
    matrix as never,
    { from, to },
    bias ? g.weight(`${name}.bias`, [to]) : undefined,
  );
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
  sizes: { readonly from: number; readonly to: number },
  bias: Value | undefined,
) => Value;

/**
 * The operator for each form:
 *
 * | form | operator on the CPU | weights | on a GPU |
 * | --- | --- | --- | --- |
 * | plain | `Gemm` in float32 | copied at load | the same |
 * | int8 | `MatMulIntegerToFloat` with a scale for each token; 7-bit activations if `Device` requires them | in the file | float32 at load, `MatMul` |
 * | blocks | `MatMulNBits` at accuracy level 4, minima by another product | copied at load | the same |
 */
const PRODUCTS: { readonly [F in Matrix["form"]]: Product<F> } = {
  plain: (g, x, { values }, _, bias) => g.op("Gemm", bias ? [x, values, bias] : [x, values], { transB: 1 }),

  int8(g, x, { values, scales, rotation }, { from }, bias) {
    if (g.device.provider !== "cpu") {
      const wide = g.op("Mul", [g.op("Cast", [values], { to: DataType.F32 }), scales]); // [from, to]
      const y = g.op("MatMul", [rotate(g, x, from, rotation), wide]);
      return bias ? g.op("Add", [y, bias]) : y;
    }
    const { codes, steps, zero } = quantised(g, x, from, rotation);
    const product = g.fused("MatMulIntegerToFloat", [codes, values, g.scalar(1), scales, zero]);
    const y = g.op("Mul", [product, steps]);
    return bias ? g.op("Add", [y, bias]) : y;
  },

  blocks(g, x, { values, scales, minima, bits, block }, { from, to }, bias) {
    const sizes = { K: from, N: to, bits, block_size: block, accuracy_level: 4 };
    const y = g.fused("MatMulNBits", [x, values, scales, undefined, undefined, bias], sizes);
    if (!minima) return y;
    const sums = g.shared(`${x} summed by ${block}`, () => {
      const blocks = g.op("Reshape", [x, g.ints([-1, from / block, block])]);
      return g.op("ReduceSum", [blocks, g.ints([2])], { keepdims: 0 }); // [n, from / block]
    });
    return g.op("Gemm", [sums, minima, y], { transB: 1, alpha: { float: -1 } });
  },
};

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
