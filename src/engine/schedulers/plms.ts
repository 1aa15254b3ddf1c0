import { ADAMS_BASHFORTH_ORDER, adamsBashforth } from "./adams-bashforth.ts";
import { heun } from "./heun.ts";
import type { CreateSolver } from "./solver.ts";
import { weightedSum } from "./weighted-sum.ts";

/**
 * Pseudo linear multistep: Adams–Bashforth of order 4 with the weights of equal steps, begun with one of Heun's.
 * Source: PNDMScheduler with `skip_prk_steps`, its transfer function replaced by the flow's, `x + (σ_next - σ) · v̄`.
 */
export const plms: CreateSolver = (problem) => {
  let known: Float32Array[] = []; // newest first
  const remembering = async (x: Float32Array, sigma: number) => {
    const v = await problem.velocity(x, sigma);
    known = [v, ...known].slice(0, ADAMS_BASHFORTH_ORDER);
    return v;
  };
  return {
    async step(x, step) {
      const [sigma, next] = [problem.sigmas[step]!, problem.sigmas[step + 1]!];
      if (known.length === 0) {
        const stepped = await heun({ ...problem, velocity: remembering }).step(x, step);
        known = known.slice(-1);
        return stepped;
      }
      await remembering(x, sigma);
      return weightedSum([[1, x], ...adamsBashforth(next - sigma, known)]);
    },
  };
};
