import { type CreateSolver, denoised, weightedSum } from "./solver.ts";

/** Solvers that add noise on the way: ancestral ones, DDPM, and those for distilled models. */

/** Euler to below the next level, then fresh noise back up. Source: as {@link ancestralStep}. */
export const eulerAncestral: CreateSolver = ({ sigmas, gaussian }) => ({
  async step(x, step, velocity) {
    const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
    const { down, keep, noise } = ancestralStep(sigma, next);
    const v = await velocity(x, sigma);
    return weightedSum([
      [keep, x],
      [keep * (down - sigma), v],
      [noise, gaussian()],
    ]);
  },
});

/**
 * DPM2's midpoint step to below the next level, then fresh noise back up.
 * Source: k-diffusion's `sample_dpm_2_ancestral` in ComfyUI's rectified-flow form.
 */
export const dpm2Ancestral: CreateSolver = ({ sigmas, gaussian }) => ({
  async step(x, step, velocity) {
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

/**
 * An ancestral step goes further down than asked, to `down`, and returns to `next` by adding noise:
 * `x ← keep · x + noise · n`. On a flow the picture's share must come out right as well as the noise's:
 * `σ_down = σ_next² / σ`, `keep = (1 - σ_next) / (1 - σ_down)`, `noise = √(σ_next² - keep² σ_down²)`.
 * Source: ComfyUI's rectified-flow ancestral samplers with η = 1; LTXEulerAncestralRFScheduler.
 */
function ancestralStep(sigma: number, next: number): { down: number; keep: number; noise: number } {
  const down = (next * next) / sigma;
  const keep = (1 - next) / (1 - down);
  return { down, keep, noise: Math.sqrt(Math.max(0, next ** 2 - (keep * down) ** 2)) };
}

/**
 * Draws from the distribution that the next, less noisy latents have when the picture is D: with α = 1 - σ, a = α / α_next,
 * b² = σ² - a² σ_next² (the noise that the step away from the picture would add):
 *
 *     x ← (a σ_next² / σ²) x + (α_next b² / σ²) D + (b σ_next / σ) n
 *
 * Source: Ho et al., "Denoising Diffusion Probabilistic Models" (2020), equation 7, for any α and σ: DDPMScheduler's step after
 * scaling latents by 1 / √(α² + σ²). It is the first order of the stochastic DPM-Solver++.
 */
export const ddpm: CreateSolver = ({ sigmas, gaussian }) => ({
  async step(x, step, velocity) {
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

/**
 * Takes the predicted picture as found and noises it anew: `x ← (1 - σ_next) D + σ_next n`. For models distilled to few steps.
 * Source: Luo et al., "Latent Consistency Models" (2023); FlowMatchLCMScheduler.
 */
export const lcm: CreateSolver = ({ sigmas, gaussian }) => ({
  async step(x, step, velocity) {
    const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
    const D = denoised(x, sigma, await velocity(x, sigma));
    if (next === 0) return D;
    return weightedSum([
      [1 - next, D],
      [next, gaussian()],
    ]);
  },
});

/** How far below the next level each step goes before noise leads back up: 0 is Euler, 1 is LCM. TCDScheduler's default. */
const GAMMA = 0.3;

/**
 * Goes to `s = (1 - γ) σ_next` along predicted picture and noise, `x_s = (1 - s) D + s ε`, and back up with fresh noise:
 * `x ← a x_s + √(σ_next² - a² s²) n`, a = (1 - σ_next) / (1 - s). For models distilled to few steps.
 * Source: Zheng et al., "Trajectory Consistency Distillation" (2024), TCDScheduler, carried over to flows.
 */
export const tcd: CreateSolver = ({ sigmas, gaussian }) => ({
  async step(x, step, velocity) {
    const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
    const v = await velocity(x, sigma);
    if (next === 0) return denoised(x, sigma, v);
    const s = (1 - GAMMA) * next;
    const a = (1 - next) / (1 - s);
    return weightedSum([
      [a, x],
      [a * (s - sigma), v], // x + (s - σ) v = (1 - s) D + s ε
      [Math.sqrt(next ** 2 - (a * s) ** 2), gaussian()],
    ]);
  },
});
