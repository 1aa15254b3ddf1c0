import { denoised } from "./flow.ts";
import type { CreateSolver } from "./solver.ts";
import { weightedSum } from "./weighted-sum.ts";

/**
 * Draws from the distribution that the next, less noisy latents have when the picture is D: with α = 1 - σ, a = α / α_next,
 * b² = σ² - a² σ_next² (the noise that the step away from the picture would add):
 *
 *     x ← (a σ_next² / σ²) x + (α_next b² / σ²) D + (b σ_next / σ) n
 *
 * Source: Ho et al., "Denoising Diffusion Probabilistic Models" (2020), equation 7, for any α and σ: DDPMScheduler's step after
 * scaling latents by 1 / √(α² + σ²). It is the first order of the stochastic DPM-Solver++.
 */
export const ddpm: CreateSolver = ({ sigmas, velocity, gaussian }) => ({
  async step(x, step) {
    const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
    const D = denoised(x, sigma, await velocity(x, sigma));
    if (next === 0) return D;
    const ratio = next / sigma;
    const a = (1 - sigma) / (1 - next);
    const added = 1 - (a * ratio) ** 2; // b² / σ²
    return weightedSum([
      [a * ratio * ratio, x],
      [(1 - next) * added, D],
      [next * Math.sqrt(added), gaussian()],
    ]);
  },
});
