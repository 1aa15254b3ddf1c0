import { weightedSum } from "./weighted-sum.ts";

/** Flow matching in the words of diffusion: `x = (1 - σ) · picture + σ · noise`, velocity `v = noise - picture`. */

/** What pure noise counts as where its λ must be finite. Source: diffusers' UniPCMultistepScheduler. */
const ALMOST_NOISE = 1 - 1e-6;

/** Half the log signal-to-noise ratio, `λ = ln((1 - σ) / σ)`: rises from pure noise to the picture, where it is +∞. */
export function halfLogSnr(sigma: number): number {
  const level = Math.min(sigma, ALMOST_NOISE);
  return Math.log((1 - level) / level);
}

/** The clean picture that a velocity points to, `D = x - σ v`. */
export function denoised(x: Float32Array, sigma: number, v: Float32Array): Float32Array {
  return weightedSum([
    [1, x],
    [-sigma, v],
  ]);
}
