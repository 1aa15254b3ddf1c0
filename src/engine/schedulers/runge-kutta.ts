import { type CreateSolver, denoised } from "./solver.ts";

/** Solvers that use one step only, on dx/dσ = v: Euler, Heun and the midpoint rule. */

/** First order: `x ← x + (σ_next - σ) · v`. Source: FlowMatchEulerDiscreteScheduler; model spec 6.2. */
export const euler: CreateSolver = ({ sigmas, arithmetic }) => ({
  async step(latents, step, velocity) {
    const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
    const v = await velocity(latents, sigma);
    const delta = Math.fround(next - sigma);
    return arithmetic.roundedSum([
      [1, latents],
      [delta, v],
    ]);
  },
});

/**
 * Second order: the mean of the velocities at both ends of an Euler step. The last step, to σ = 0, is an Euler step.
 * Source: Karras et al., "Elucidating the Design Space of Diffusion-Based Generative Models" (2022), algorithm 1, on dx/dσ = v.
 */
export const heun: CreateSolver = ({ sigmas, arithmetic }) => ({
  async step(x, step, velocity) {
    const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
    const delta = next - sigma;
    const v = await velocity(x, sigma);
    const end = await arithmetic.weightedSum([
      [1, x],
      [delta, v],
    ]);
    if (next === 0) return end;
    return arithmetic.weightedSum([
      [1, x],
      [delta / 2, v],
      [delta / 2, await velocity(end, next)],
    ]);
  },
});

/**
 * Second order: the velocity in the middle of the step, `σ_m = √(σ σ_next)`. The last step, to σ = 0, is an Euler step.
 * Source: `sample_dpm_2` of k-diffusion and KDPM2DiscreteScheduler, on dx/dσ = v.
 */
export const dpm2: CreateSolver = ({ sigmas, arithmetic }) => ({
  async step(x, step, velocity) {
    const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
    const v = await velocity(x, sigma);
    if (next === 0) return denoised(arithmetic, x, sigma, v);
    const middle = Math.fround(Math.sqrt(sigma * next));
    const halfway = await arithmetic.weightedSum([
      [1, x],
      [middle - sigma, v],
    ]);
    return arithmetic.weightedSum([
      [1, x],
      [next - sigma, await velocity(halfway, middle)],
    ]);
  },
});
