import type { AnyTensor } from "../../onnx/index.ts";
import { heun } from "./runge-kutta.ts";
import { type CreateSolver, denoised } from "./solver.ts";

/** Solvers that extrapolate the velocity of earlier steps, on dx/dσ = v: LMS, IPNDM and PLMS. */

const ORDER = 4;

/**
 * Linear multistep: integrates the polynomial through the last four velocities exactly, for steps of any length.
 * Source: `sample_lms` of k-diffusion and LMSDiscreteScheduler (which integrate numerically), on dx/dσ = v.
 */
export const lms: CreateSolver = ({ sigmas, arithmetic }) => {
  let known: { sigma: number; v: AnyTensor }[] = []; // newest first
  return {
    async step(x, step, velocity) {
      const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
      known = [{ sigma, v: await velocity(x, sigma) }, ...known].slice(0, ORDER);
      const weights = lagrangeBasis(known.map((past) => past.sigma - sigma)).map((p) => integral(p, next - sigma));
      return arithmetic.weightedSum([[1, x], ...known.map(({ v }, j) => [weights[j]!, v] as const)]);
    },
  };
};

/** `∫₀ᵗ p(τ) dτ` of a polynomial with these coefficients, lowest power first. */
function integral(polynomial: readonly number[], t: number): number {
  return polynomial.reduce((sum, coefficient, i) => sum + (coefficient * t ** (i + 1)) / (i + 1), 0);
}

/**
 * Adams–Bashforth of order 4 with the weights of equal steps, started with orders 1, 2 and 3. The last step is an Euler step.
 * Source: `sample_ipndm` of ComfyUI and IPNDMScheduler, on dx/dσ = v.
 */
export const ipndm: CreateSolver = ({ sigmas, arithmetic }) => {
  let known: AnyTensor[] = []; // newest first
  return {
    async step(x, step, velocity) {
      const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
      const v = await velocity(x, sigma);
      if (next === 0) return denoised(arithmetic, x, sigma, v);
      known = [v, ...known].slice(0, ADAMS_BASHFORTH_ORDER);
      return arithmetic.weightedSum([[1, x], ...adamsBashforth(next - sigma, known)]);
    },
  };
};

/**
 * Pseudo linear multistep: Adams–Bashforth of order 4 with the weights of equal steps, started with a Heun step.
 * Source: PNDMScheduler with `skip_prk_steps`; the flow's transfer function, `x + (σ_next - σ) · v̄`, replaces its own.
 */
export const plms: CreateSolver = (schedule) => {
  const { sigmas, arithmetic } = schedule;
  const first = heun(schedule);
  let known: AnyTensor[] = []; // newest first
  return {
    async step(x, step, velocity) {
      const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
      if (known.length === 0) {
        return first.step(x, step, async (at, level) => {
          const v = await velocity(at, level);
          if (known.length === 0) known = [v]; // the velocity at the start of the step
          return v;
        });
      }
      known = [await velocity(x, sigma), ...known].slice(0, ADAMS_BASHFORTH_ORDER);
      return arithmetic.weightedSum([[1, x], ...adamsBashforth(next - sigma, known)]);
    },
  };
};

/** Weights of the last velocities, newest first, for steps of equal length: orders 1 to 4. */
const WEIGHTS = [[1], [3 / 2, -1 / 2], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24]] as const;

const ADAMS_BASHFORTH_ORDER = WEIGHTS.length;

/** The terms of `delta · v̄`; v̄ is the velocity extrapolated from one to four earlier ones, newest first. */
function adamsBashforth(delta: number, velocities: readonly AnyTensor[]): [number, AnyTensor][] {
  return velocities.map((v, j) => [delta * WEIGHTS[velocities.length - 1]![j]!, v]);
}

/**
 * The polynomials that are 1 at one node and 0 at all others: a list of coefficients for each node, lowest power first.
 * A functional of the polynomial through some values is then `Σ value · functional(basis)`.
 */
export function lagrangeBasis(nodes: readonly number[]): number[][] {
  return nodes.map((node, j) =>
    nodes.reduce((polynomial, other, k) => (k === j ? polynomial : timesLinear(polynomial, other, node - other)), [1]),
  );
}

/** Multiplies by `(τ - root) / scale`. */
function timesLinear(polynomial: readonly number[], root: number, scale: number): number[] {
  return [...polynomial, 0].map((coefficient, i) => ((polynomial[i - 1] ?? 0) - root * coefficient) / scale);
}
