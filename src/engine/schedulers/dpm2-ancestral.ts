import { ancestralStep } from "./ancestral.ts";
import { denoised } from "./flow.ts";
import type { CreateSolver } from "./solver.ts";
import { weightedSum } from "./weighted-sum.ts";

/**
 * DPM2's midpoint step to below the next level, then fresh noise back up.
 * Source: k-diffusion's `sample_dpm_2_ancestral` in ComfyUI's rectified-flow form.
 */
export const dpm2Ancestral: CreateSolver = ({ sigmas, velocity, gaussian }) => ({
  async step(x, step) {
    const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
    const { down, keep, noise } = ancestralStep(sigma, next);
    const v = await velocity(x, sigma);
    if (next === 0) return denoised(x, sigma, v);
    const middle = Math.fround(Math.sqrt(sigma * down));
    const halfway = weightedSum([
      [1, x],
      [middle - sigma, v],
    ]);
    return weightedSum([
      [keep, x],
      [keep * (down - sigma), await velocity(halfway, middle)],
      [noise, gaussian()],
    ]);
  },
});
