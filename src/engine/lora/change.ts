import { tabulate } from "../../weights/index.ts";
import { columnNorms, kronecker, type Matrix, multiply, rowNorms, scaled } from "./matrix.ts";

/** The change of an adapter to one tensor of the checkpoint. */
export type Change = LowRankChange | DenseChange;

/** `W + weight · up · down` */
export interface LowRankChange {
  readonly kind: "lowRank";
  readonly up: Matrix; // [out, rank]
  readonly down: Matrix; // [rank, in]
}

/** A change that needs the values of the tensor. */
export interface DenseChange {
  readonly kind: "dense";
  /** The difference to the tensor at this weight, value by value. */
  difference(base: Float32Array, weight: number): (i: number) => number;
}

/** An added difference that does not depend on the tensor. It is as large as the tensor, so it is computed when needed. */
export function added(difference: () => Float32Array): Change {
  return {
    kind: "dense",
    difference(_, weight) {
      const values = difference();
      return (i) => weight * values[i]!;
    },
  };
}

/** At weight 1 the tensor becomes `value`. */
export function replacedBy(value: Float32Array): Change {
  return { kind: "dense", difference: (base, weight) => (i) => weight * Math.fround(value[i]! - base[i]!) };
}

/** LoRA: `up · down`, scaled by alpha / rank. Hu et al. (2021). */
export function lowRank(up: Matrix, down: Matrix, scale: number): LowRankChange {
  return { kind: "lowRank", up: scaled(up, scale), down };
}

/** LoHa: `(w1a · w1b) ⊙ (w2a · w2b) · scale`. Hyeon-Woo et al., "FedPara" (2021). */
export function hadamard(first: [Matrix, Matrix], second: [Matrix, Matrix], scale: number): Matrix {
  const [a, b] = [multiply(...first), multiply(...second)];
  return { ...a, data: tabulate(a.data.length, (i) => a.data[i]! * b.data[i]! * scale) };
}

/** LoKr: `w1 ⊗ w2 · scale`. Yeh et al., "LyCORIS" (2023). */
export function kroneckerProduct(w1: Matrix, w2: Matrix, scale: number): Matrix {
  return scaled(kronecker(w1, w2), scale);
}

/**
 * DoRA as PEFT trains it: the rows of `V = W + weight · difference`, with separate magnitudes, [out]. The weight applies inside the norm, as
 * in training. Liu et al. (2024).
 */
export function withRowMagnitudes(makeDifference: () => Matrix, magnitudes: Float32Array): Change {
  return {
    kind: "dense",
    difference(base, weight) {
      const { data, rows, columns } = makeDifference();
      const v = { data: tabulate(base.length, (i) => base[i]! + weight * data[i]!), rows, columns };
      const norms = rowNorms(v);
      return (i) => {
        const row = Math.floor(i / columns);
        return (v.data[i]! * magnitudes[row]!) / (norms[row]! + FLOAT32_EPSILON) - base[i]!;
      };
    },
  };
}

/**
 * DoRA as ComfyUI reads files of LyCORIS trainers. `V = W + difference` is scaled by `dora_scale` over norms, then the result is
 * `W + weight · (V' - W)`. The norms are those of W's rows if `dora_scale` is [out, 1], of V's columns if it is [1, in]. Model spec 8.4.
 */
export function withDoraScale(makeDifference: () => Matrix, scale: Float32Array, by: "rows" | "columns"): Change {
  return {
    kind: "dense",
    difference(base, weight) {
      const { data, rows, columns } = makeDifference();
      const v = { data: tabulate(base.length, (i) => base[i]! + data[i]!), rows, columns };
      const norms = by === "columns" ? columnNorms(v) : rowNorms({ ...v, data: base });
      return (i) => {
        const at = by === "columns" ? i % columns : Math.floor(i / columns);
        return weight * Math.fround((v.data[i]! * scale[at]!) / (norms[at]! + FLOAT32_EPSILON) - base[i]!);
      };
    },
  };
}

const FLOAT32_EPSILON = 2 ** -23;
