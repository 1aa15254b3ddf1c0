import { type CreateSolver, denoised } from "./solver.ts";

/** Solvers that add noise during the steps: ancestral ones, DDPM, and those for distilled models. */

/** An Euler step below the next level, then new noise up to it. Source: as {@link ancestralStep}. */
export const eulerAncestral: CreateSolver = ({ sigmas, gaussian, arithmetic }) => ({
  async step(x, step, velocity) {
    const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
    const { down, keep, noise } = ancestralStep(sigma, next);
    const v = await velocity(x, sigma);
    return arithmetic.weightedSum([
      [keep, x],
      [keep * (down - sigma), v],
      [noise, gaussian()],
    ]);
  },
});

/**
 * A midpoint step of DPM2 below the next level, then new noise up to it.
 * Source: `sample_dpm_2_ancestral` of k-diffusion in ComfyUI's rectified-flow form.
 */
export const dpm2Ancestral: CreateSolver = ({ sigmas, gaussian, arithmetic }) => ({
  async step(x, step, velocity) {
    const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
    const { down, keep, noise } = ancestralStep(sigma, next);
    const v = await velocity(x, sigma);
    if (next === 0) return denoised(arithmetic, x, sigma, v);
    const middle = Math.fround(Math.sqrt(sigma * down));
    const halfway = await arithmetic.weightedSum([
      [1, x],
      [middle - sigma, v],
    ]);
    return arithmetic.weightedSum([
      [keep, x],
      [keep * (down - sigma), await velocity(halfway, middle)],
      [noise, gaussian()],
    ]);
  },
});

/**
 * An ancestral step goes below the target level, to `down`, and returns to `next` by adding noise:
 * `x ← keep · x + noise · n`. On a flow the shares of the image and of the noise must both be correct:
 * `σ_down = σ_next² / σ`, `keep = (1 - σ_next) / (1 - σ_down)`, `noise = √(σ_next² - keep² σ_down²)`.
 * Source: ComfyUI's rectified-flow ancestral samplers with η = 1; LTXEulerAncestralRFScheduler.
 */
function ancestralStep(sigma: number, next: number): { down: number; keep: number; noise: number } {
  const down = (next * next) / sigma;
  const keep = (1 - next) / (1 - down);
  return { down, keep, noise: Math.sqrt(Math.max(0, next ** 2 - (keep * down) ** 2)) };
}

/**
 * Samples from the distribution of the next, less noisy latents, given the image D. With α = 1 - σ, a = α / α_next,
 * b² = σ² - a² σ_next² (the noise that the step away from the image would add):
 *
 *     x ← (a σ_next² / σ²) x + (α_next b² / σ²) D + (b σ_next / σ) n
 *
 * Source: Ho et al., "Denoising Diffusion Probabilistic Models" (2020), equation 7, for any α and σ: the step of DDPMScheduler after
 * scaling latents by 1 / √(α² + σ²). It is the first order of the stochastic DPM-Solver++.
 */
export const ddpm: CreateSolver = ({ sigmas, gaussian, arithmetic }) => ({
  async step(x, step, velocity) {
    const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
    const D = await denoised(arithmetic, x, sigma, await velocity(x, sigma));
    if (next === 0) return D;
    const ratio = next / sigma;
    const a = (1 - sigma) / (1 - next);
    const added = 1 - (a * ratio) ** 2; // b² / σ²
    return arithmetic.weightedSum([
      [a * ratio * ratio, x],
      [(1 - next) * added, D],
      [next * Math.sqrt(added), gaussian()],
    ]);
  },
});

/**
 * Takes the predicted image and adds new noise: `x ← (1 - σ_next) D + σ_next n`. For models distilled to few steps.
 * Source: Luo et al., "Latent Consistency Models" (2023); FlowMatchLCMScheduler.
 */
export const lcm: CreateSolver = ({ sigmas, gaussian, arithmetic }) => ({
  async step(x, step, velocity) {
    const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
    const D = await denoised(arithmetic, x, sigma, await velocity(x, sigma));
    if (next === 0) return D;
    return arithmetic.weightedSum([
      [1 - next, D],
      [next, gaussian()],
    ]);
  },
});

/** How far below the next level each step goes before noise is added: 0 is Euler, 1 is LCM. The default of TCDScheduler. */
const GAMMA = 0.3;

/**
 * Goes to `s = (1 - γ) σ_next` along predicted image and noise, `x_s = (1 - s) D + s ε`, and back up with new noise:
 * `x ← a x_s + √(σ_next² - a² s²) n`, a = (1 - σ_next) / (1 - s). For models distilled to few steps.
 * Source: Zheng et al., "Trajectory Consistency Distillation" (2024), TCDScheduler, applied to flows.
 */
export const tcd: CreateSolver = ({ sigmas, gaussian, arithmetic }) => ({
  async step(x, step, velocity) {
    const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
    const v = await velocity(x, sigma);
    if (next === 0) return denoised(arithmetic, x, sigma, v);
    const s = (1 - GAMMA) * next;
    const a = (1 - next) / (1 - s);
    return arithmetic.weightedSum([
      [a, x],
      [a * (s - sigma), v], // x + (s - σ) v = (1 - s) D + s ε
      [Math.sqrt(next ** 2 - (a * s) ** 2), gaussian()],
    ]);
  },
});
