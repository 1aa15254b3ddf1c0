/** The parts of every solver: a flow in the terms of diffusion, `x = (1 - σ) · picture + σ · noise`, `v = noise - picture`. */

/** Predicted velocity dx/dσ of packed latents at a noise level. It includes guidance, ControlNets and caches. */
export type Velocity = (latents: Float32Array, sigma: number) => Promise<Float32Array>;

/** Inputs of a solver: a schedule, and a source of randomness. */
export interface Schedule {
  /** `steps` + 1 falling noise levels; the last one is 0. */
  readonly sigmas: readonly number[];
  /** New standard normal noise of the latents' length. It depends on the image's seed, so that stochastic solvers repeat. */
  readonly gaussian: () => Float32Array;
}

/** Follows the flow step by step, and remembers what it needs of earlier steps. */
export interface Solver {
  /**
   * Latents at `sigmas[step]` → latents at `sigmas[step + 1]`. Steps are in order, but need not start with the first.
   * It returns a new array and does not change its input.
   * @param velocity called once or several times, at levels from `sigmas[step]` to `sigmas[step + 1]`
   */
  step(latents: Float32Array, step: number, velocity: Velocity): Promise<Float32Array>;
}

export type CreateSolver = (schedule: Schedule) => Solver;

/** `Σ weight · values`, summed in float64 and rounded once. */
export function weightedSum(terms: readonly (readonly [weight: number, values: Float32Array])[]): Float32Array {
  const sum = new Float64Array(terms[0]![1].length);
  for (const [weight, values] of terms) {
    for (let i = 0; i < sum.length; i++) sum[i]! += weight * values[i]!;
  }
  return new Float32Array(sum);
}

/** The clean image that a velocity points to, `D = x - σ v`. */
export function denoised(x: Float32Array, sigma: number, v: Float32Array): Float32Array {
  return weightedSum([
    [1, x],
    [-sigma, v],
  ]);
}

/** Noise level used for pure noise where λ must be finite. Source: UniPCMultistepScheduler of diffusers. */
const ALMOST_NOISE = 1 - 1e-6;

/** Half the log signal-to-noise ratio, `λ = ln((1 - σ) / σ)`. It rises from pure noise to the image, where it is +∞. */
export function halfLogSnr(sigma: number): number {
  const level = Math.min(sigma, ALMOST_NOISE);
  return Math.log((1 - level) / level);
}
