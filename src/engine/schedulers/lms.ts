import { lagrangeBasis } from "./lagrange.ts";
import type { CreateSolver } from "./solver.ts";
import { weightedSum } from "./weighted-sum.ts";

const ORDER = 4;

/**
 * Linear multistep: integrates the polynomial through the last four velocities exactly, whatever the steps' lengths.
 * Source: k-diffusion's `sample_lms`, LMSDiscreteScheduler (which integrate numerically), on dx/dσ = v.
 */
export const lms: CreateSolver = ({ sigmas, velocity }) => {
  let known: { sigma: number; v: Float32Array }[] = []; // newest first
  return {
    async step(x, step) {
      const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
      known = [{ sigma, v: await velocity(x, sigma) }, ...known].slice(0, ORDER);
      const weights = lagrangeBasis(known.map((past) => past.sigma - sigma)).map((p) => integral(p, next - sigma));
      return weightedSum([[1, x], ...known.map(({ v }, j) => [weights[j]!, v] as const)]);
    },
  };
};

/** `∫₀ᵗ p(τ) dτ` of a polynomial given by its coefficients, lowest power first. */
function integral(polynomial: readonly number[], t: number): number {
  return polynomial.reduce((sum, coefficient, i) => sum + (coefficient * t ** (i + 1)) / (i + 1), 0);
}
