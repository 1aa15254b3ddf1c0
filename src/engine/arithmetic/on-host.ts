import type { AnyTensor, HostTensor } from "../../onnx/index.ts";
import { allFinite } from "../check.ts";
import { EPS } from "../transformer-block.ts";
import type { Arithmetic, Term } from "./arithmetic.ts";

/** Loops over float32 values. The default mode equals diffusers bit for bit in these operations. */
export const onHost: Arithmetic = {
  async weightedSum(terms) {
    const [[, first]] = terms as [Term];
    const sum = new Float64Array(data(first).length);
    for (const [weight, tensor] of terms) {
      const values = data(tensor);
      for (let i = 0; i < sum.length; i++) sum[i]! += weight * values[i]!;
    }
    return like(first, new Float32Array(sum));
  },

  async roundedSum(terms) {
    const [[weight, first], ...others] = terms as [Term, ...Term[]];
    const sum = data(first).map((x) => weight * x);
    for (const [weight, tensor] of others) {
      const values = data(tensor);
      for (let i = 0; i < sum.length; i++) sum[i]! += Math.fround(weight * values[i]!);
    }
    return like(first, sum);
  },

  async choose(mask, x, other) {
    const [chosen, values] = [mask.data, data(other)];
    return like(
      x,
      data(x).map((value, i) => (chosen[i] ? value : values[i]!)),
    );
  },

  async replaceUnchanged(x, before, other) {
    const [old, values] = [data(before), data(other)];
    return like(
      x,
      data(x).map((value, i) => (value === old[i] ? values[i]! : value)),
    );
  },

  async append(x, others) {
    const values = new Float32Array(data(x).length + others.data.length);
    values.set(data(x));
    values.set(others.data, data(x).length);
    return { data: values, dims: [1, tokensOf(x) + tokensOf(others), featuresOf(x)] };
  },

  async first(x, tokens) {
    return { data: data(x).subarray(0, tokens * featuresOf(x)), dims: [1, tokens, featuresOf(x)] };
  },

  async guide(positive, negative, scale) {
    return like(positive, guided(data(positive), data(negative), scale, featuresOf(positive)));
  },

  async modulatedNorm(x, scale, shift, tokens) {
    const dim = featuresOf(x);
    const [values, result] = [data(x), new Float32Array(tokens * dim)];
    for (let row = 0; row < result.length; row += dim) {
      let mean = 0;
      for (let i = 0; i < dim; i++) mean += values[row + i]! / dim;
      let variance = 0;
      for (let i = 0; i < dim; i++) variance += (values[row + i]! - mean) ** 2 / dim;
      const norm = 1 / Math.sqrt(variance + EPS);
      for (let i = 0; i < dim; i++) result[row + i] = (values[row + i]! - mean) * norm * scale[i]! + shift[i]!;
    }
    return { data: result, dims: [1, tokens, dim] };
  },

  async relativeChange(a, b) {
    const [now, before] = [data(a), data(b)];
    let change = 0;
    let size = 0;
    for (let i = 0; i < before.length; i++) {
      change += Math.abs(now[i]! - before[i]!);
      size += Math.abs(before[i]!);
    }
    return change / size;
  },

  allFinite: async (x) => allFinite(data(x)),
  toHost: async (x) => x as HostTensor,
  dispose: async () => {},
};

function guided(positive: Float32Array, negative: Float32Array, scale: number, features: number): Float32Array {
  const guided = new Float32Array(positive.length);
  for (let token = 0; token < positive.length; token += features) {
    let wanted = 0;
    let got = 0;
    for (let i = token; i < token + features; i++) {
      const combined = Math.fround(negative[i]! + scale * (positive[i]! - negative[i]!));
      guided[i] = combined;
      wanted += positive[i]! ** 2;
      got += combined ** 2;
    }
    const rescale = Math.sqrt(wanted) / Math.sqrt(got);
    for (let i = token; i < token + features; i++) guided[i]! *= rescale;
  }
  return guided;
}

const data = (tensor: AnyTensor): Float32Array => (tensor as HostTensor).data; // no tensor is on a device
const like = ({ dims }: AnyTensor, data: Float32Array): HostTensor => ({ data, dims });
const tokensOf = ({ dims }: AnyTensor): number => dims.at(-2)!;
const featuresOf = ({ dims }: AnyTensor): number => dims.at(-1)!;
