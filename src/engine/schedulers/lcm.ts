import { denoised } from "./flow.ts";
import type { CreateSolver } from "./solver.ts";
import { weightedSum } from "./weighted-sum.ts";

/**
 * Takes the predicted picture as found and noises it anew: `x ← (1 - σ_next) D + σ_next n`. For models distilled to few steps.
 * Source: Luo et al., "Latent Consistency Models" (2023); FlowMatchLCMScheduler.
 */
export const lcm: CreateSolver = ({ sigmas, velocity, gaussian }) => ({
  async step(x, step) {
    const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
    const D = denoised(x, sigma, await velocity(x, sigma));
    if (next === 0) return D;
    return weightedSum([
      [1 - next, D],
      [next, gaussian()],
    ]);
  },
});
