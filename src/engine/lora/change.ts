import { tabulate } from "../../weights/index.ts";
import { columnNorms, kronecker, type Matrix, multiply, rowNorms, scaled } from "./matrix.ts";

/** What an adapter does to one tensor of the checkpoint at weight 1. */
export type Change = LowRankChange | DenseChange;

/** W + up · down */
export interface LowRankChange {
  readonly kind: "lowRank";
  readonly up: Matrix; // [out, rank]
  readonly down: Matrix; // [rank, in]
}

export interface DenseChange {
  readonly kind: "dense";
  /** The difference to the tensor as it is. */
  difference(base: Float32Array): Float32Array;
}

/** An added difference that does not depend on the tensor. It is as large as the tensor, so it is made when it is needed. */
export function added(difference: () => Float32Array): Change {
  return { kind: "dense", difference };
}

/** The tensor becomes `value`. */
export function replacedBy(value: Float32Array): Change {
  return { kind: "dense", difference: (base) => tabulate(base.length, (i) => value[i]! - base[i]!) };
}

/** LoRA: `up · down`, already scaled by alpha / rank. Hu et al. (2021). */
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
 * DoRA: the direction of `V = W + difference` with magnitudes of its own. Liu et al. (2024).
 *
 * PEFT's `lora_magnitude_vector` [out] goes with the norms of V's rows. A `dora_scale` goes with the norms of W's rows when it
 * is [out, 1], and of V's columns when it is [1, in], as ComfyUI reads what LyCORIS trainers write; model spec 8.4.
 */
export function weightDecomposed(
  makeDifference: () => Matrix,
  magnitude: { readonly data: Float32Array; readonly by: "rows of V" | "rows of W" | "columns of V" },
): Change {
  return {
    kind: "dense",
    difference(base) {
      const difference = makeDifference();
      const { rows, columns } = difference;
      const v = { data: tabulate(base.length, (i) => base[i]! + difference.data[i]!), rows, columns };
      const norms =
        magnitude.by === "columns of V"
          ? columnNorms(v)
          : rowNorms(magnitude.by === "rows of V" ? v : { ...v, data: base });
      return tabulate(base.length, (i) => {
        const at = magnitude.by === "columns of V" ? i % columns : Math.floor(i / columns);
        return (v.data[i]! * magnitude.data[at]!) / (norms[at]! + FLOAT32_EPSILON) - base[i]!;
      });
    },
  };
}

const FLOAT32_EPSILON = 2 ** -23;
