import { difference } from "./change.ts";

/** Extrapolates a value that is known at some steps to the steps after them. */
export interface TaylorSeries {
  record(step: number, value: Float32Array): void;
  predict(step: number): Float32Array;
}

/**
 * Finite differences stand for derivatives: `D₀ = Y, D_{k+1} = (D_k - D_k of the last known step) / distance`, and
 * `Y(s) ≈ Σ D_k (s - s_last)^k / k!`. Order 0 repeats the last value.
 * Source: Liu et al., "From Reusing to Forecasting: Accelerating Diffusion Models with TaylorSeers" (2025); model spec 10.4.
 */
export function taylorSeries(order: number): TaylorSeries {
  let last = 0;
  let derivatives: Float32Array[] = [];
  return {
    record(step, value) {
      const next = [value];
      for (let k = 0; k < order && k < derivatives.length; k++) {
        next.push(difference(next[k]!, derivatives[k]!).map((x) => x / (step - last)));
      }
      derivatives = next;
      last = step;
    },
    predict(step) {
      const [value, ...rest] = derivatives as [Float32Array, ...Float32Array[]];
      if (rest.length === 0) return value;
      const predicted = value.slice();
      let factor = 1;
      rest.forEach((derivative, k) => {
        factor *= (step - last) / (k + 1);
        for (let i = 0; i < predicted.length; i++) predicted[i]! += factor * derivative[i]!;
      });
      return predicted;
    },
  };
}
