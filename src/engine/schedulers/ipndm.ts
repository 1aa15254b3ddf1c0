import { ADAMS_BASHFORTH_ORDER, adamsBashforth } from "./adams-bashforth.ts";
import { denoised } from "./flow.ts";
import type { CreateSolver } from "./solver.ts";
import { weightedSum } from "./weighted-sum.ts";

/**
 * Adams–Bashforth of order 4 with the weights of equal steps, begun with orders 1, 2 and 3; the last step is Euler's.
 * Source: ComfyUI's `sample_ipndm`, IPNDMScheduler, on dx/dσ = v.
 */
export const ipndm: CreateSolver = ({ sigmas, velocity }) => {
  let known: Float32Array[] = []; // newest first
  return {
    async step(x, step) {
      const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
      const v = await velocity(x, sigma);
      if (next === 0) return denoised(x, sigma, v);
      known = [v, ...known].slice(0, ADAMS_BASHFORTH_ORDER);
      return weightedSum([[1, x], ...adamsBashforth(next - sigma, known)]);
    },
  };
};
