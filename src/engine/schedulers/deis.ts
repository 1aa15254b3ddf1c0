import { denoised, halfLogSnr } from "./flow.ts";
import type { CreateSolver } from "./solver.ts";
import { weightedSum } from "./weighted-sum.ts";

/**
 * Second order: solves the flow exactly for a predicted noise ε that is linear in ln ρ, `ρ = σ / (1 - σ)`. The first step and the
 * last, to σ = 0, are Euler's, which the first order is on a flow.
 * Source: Zhang and Chen, "Fast Sampling of Diffusion Models with Exponential Integrator" (2023), as in DEISMultistepScheduler of
 * order 2 with `use_flow_sigmas`.
 */
export const deis: CreateSolver = ({ sigmas, velocity }) => {
  let known: { lnRho: number; noise: Float32Array } | undefined;
  return {
    async step(x, step) {
      const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
      const v = await velocity(x, sigma);
      if (next === 0) return denoised(x, sigma, v);
      const noise = weightedSum([
        [1, x],
        [1 - sigma, v],
      ]);
      const [previous, lnRho, end] = [known, -halfLogSnr(sigma), -halfLogSnr(next)];
      known = { lnRho, noise };
      if (!previous) {
        return weightedSum([
          [1, x],
          [next - sigma, v],
        ]);
      }
      const alpha = 1 - next;
      return weightedSum([
        [alpha / (1 - sigma), x],
        [alpha * linearIntegral(lnRho, end, previous.lnRho), noise],
        [alpha * linearIntegral(lnRho, end, lnRho, previous.lnRho), previous.noise],
      ]);

      /** `∫ (ln ρ - zero) / (one - zero) dρ` from ln ρ = `from` to `to`: weight of the noise known at `one`. */
      function linearIntegral(from: number, to: number, zero: number, one = from): number {
        const antiderivative = (t: number) => Math.exp(t) * (t - zero - 1);
        return (antiderivative(to) - antiderivative(from)) / (one - zero);
      }
    },
  };
};
