import type { CreateSolver } from "./solver.ts";
import { weightedSum } from "./weighted-sum.ts";

/**
 * Second order: the mean of the velocities at both ends of an Euler step. The last step, to σ = 0, is Euler's.
 * Source: Karras et al., "Elucidating the Design Space of Diffusion-Based Generative Models" (2022), algorithm 1, on dx/dσ = v.
 */
export const heun: CreateSolver = ({ sigmas, velocity }) => ({
  async step(x, step) {
    const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
    const delta = next - sigma;
    const v = await velocity(x, sigma);
    const end = weightedSum([
      [1, x],
      [delta, v],
    ]);
    if (next === 0) return end;
    return weightedSum([
      [1, x],
      [delta / 2, v],
      [delta / 2, await velocity(end, next)],
    ]);
  },
});
