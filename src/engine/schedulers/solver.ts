import type { AnyTensor } from "../../onnx/index.ts";
import type { LatentArithmetic } from "../arithmetic/step-memory.ts";

/** The parts of every solver: a flow in the terms of diffusion, `x = (1 - σ) · picture + σ · noise`, `v = noise - picture`. */

/** Predicted velocity dx/dσ of packed latents at a noise level. It includes guidance, ControlNets and caches. */
export type Velocity = (latents: AnyTensor, sigma: number) => Promise<AnyTensor>;

/** Inputs of a solver: a schedule, and a source of randomness. */
export interface Schedule {
  /** `steps` + 1 falling noise levels; the last one is 0. */
  readonly sigmas: readonly number[];
  /** New standard normal noise of the latents' shape. It depends on the image's seed, so that stochastic solvers repeat. */
  readonly gaussian: () => AnyTensor;
  /** Computes where the latents are. It frees tensors that no step reads any more. */
  readonly arithmetic: LatentArithmetic;
}

/** Follows the flow step by step, and remembers what it needs of earlier steps. */
export interface Solver {
  /**
   * Latents at `sigmas[step]` → latents at `sigmas[step + 1]`. Steps are in order, but need not start with the first.
   * It returns a new tensor and does not change its input.
   * @param velocity called once or several times, at levels from `sigmas[step]` to `sigmas[step + 1]`
   */
  step(latents: AnyTensor, step: number, velocity: Velocity): Promise<AnyTensor>;
}

export type CreateSolver = (schedule: Schedule) => Solver;

/** The clean image that a velocity points to, `D = x - σ v`. */
export function denoised(
  { weightedSum }: Pick<LatentArithmetic, "weightedSum">,
  x: AnyTensor,
  sigma: number,
  v: AnyTensor,
): Promise<AnyTensor> {
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
