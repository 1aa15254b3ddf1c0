import { denoised } from "./flow.ts";
import type { CreateSolver } from "./solver.ts";
import { weightedSum } from "./weighted-sum.ts";

/**
 * Second order: the velocity in the middle of the step, `σ_m = √(σ σ_next)`. The last step, to σ = 0, is Euler's.
 * Source: k-diffusion's `sample_dpm_2`, KDPM2DiscreteScheduler, on dx/dσ = v.
 */
export const dpm2: CreateSolver = ({ sigmas, velocity }) => ({
  async step(x, step) {
    const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
    const v = await velocity(x, sigma);
    if (next === 0) return denoised(x, sigma, v);
    const middle = Math.fround(Math.sqrt(sigma * next));
    const halfway = weightedSum([
      [1, x],
      [middle - sigma, v],
    ]);
    return weightedSum([
      [1, x],
      [next - sigma, await velocity(halfway, middle)],
    ]);
  },
});
