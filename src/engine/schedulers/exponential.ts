import type { AnyTensor } from "../../onnx/index.ts";
import { type CreateSolver, denoised, halfLogSnr } from "./solver.ts";

/** Solvers that integrate the linear part of the flow exactly, in λ: DPM-Solver++ with several steps or with pairs, and DEIS. */

/** With fewer steps the last but one is at most of second order, for stability. */
const FEW_STEPS = 15;

interface DpmMultistepOptions {
  readonly order: 2 | 3;
  readonly stochastic: boolean;
}

/**
 * DPM-Solver++ 2M and 3M and their stochastic forms. They solve the flow exactly for a predicted image D that is a polynomial of
 * `λ = ln((1 - σ) / σ)`. With α = 1 - σ, h = λ_next - λ, η = 0 or (stochastic) 1, G = (1 + η) h:
 *
 *     x ← (σ_next / σ) e^{-ηh} x + α_next (1 - e^{-G}) D + corrections + σ_next √(1 - e^{-2ηh}) n
 *
 * Source: Lu et al., "DPM-Solver++" (2022), as in DPMSolverMultistepScheduler (midpoint, `use_flow_sigmas`). The stochastic third
 * order is `sample_dpmpp_3m_sde` of k-diffusion; that of diffusers has a wrong sign. All of them halve the curvature of the third
 * order. It therefore converges with order 2, with a smaller error. This is kept so that images agree.
 */
export const dpmMultistep =
  ({ order, stochastic }: DpmMultistepOptions): CreateSolver =>
  ({ sigmas, gaussian, arithmetic }) => {
    const eta = stochastic ? 1 : 0;
    let known: { lambda: number; D: AnyTensor }[] = []; // newest first
    return {
      async step(x, step, velocity) {
        const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
        const D = await denoised(arithmetic, x, sigma, await velocity(x, sigma));
        if (next === 0) return D;
        const lambda = halfLogSnr(sigma);
        const h = halfLogSnr(next) - lambda;
        known = [{ lambda, D }, ...known].slice(0, order);
        const steps = sigmas.length - 1;
        const used = steps < FEW_STEPS && step === steps - 2 ? known.slice(0, 2) : known;
        const weights = pictureWeights(h * (1 + eta), gaps(used, h));
        return arithmetic.weightedSum([
          [(next / sigma) * Math.exp(-eta * h), x],
          ...used.map((past, j) => [(1 - next) * weights[j]!, past.D] as const),
          ...(stochastic ? [[next * Math.sqrt(-Math.expm1(-2 * h)), gaussian()] as const] : []),
        ]);
      },
    };
  };

/** Distances in λ between the known images, in steps, newest first. */
function gaps(known: readonly { lambda: number }[], h: number): number[] {
  return known.slice(1).map(({ lambda }, j) => (known[j]!.lambda - lambda) / h);
}

/** Weights of the images D₀, D₁, D₂, newest first, in the integral of the step. Their number is that of the gaps plus one. */
function pictureWeights(G: number, [r0, r1]: readonly number[]): number[] {
  const phi1 = -Math.expm1(-G);
  if (r0 === undefined) return [phi1];
  if (r1 === undefined) return [phi1 + phi1 / (2 * r0), -phi1 / (2 * r0)];
  // With the slopes d = (D₀ - D₁) / r₀ and e = (D₁ - D₂) / r₁, and c = (d - e) / (r₀ + r₁): `x += φ₂ (d + r₀ c) - φ₃ c`.
  const phi2 = 1 - phi1 / G;
  const phi3 = phi2 / G - 0.5;
  const curvature = (phi2 * r0 - phi3) / (r0 + r1);
  const [d, e] = [(phi2 + curvature) / r0, -curvature / r1];
  return [phi1 + d, e - d, -e];
}

interface DpmSinglestepOptions {
  readonly stochastic: boolean;
}

/** Start of a pair of steps. */
interface Start {
  readonly x: AnyTensor;
  readonly sigma: number;
  readonly lambda: number;
  readonly D: AnyTensor;
}

/**
 * DPM-Solver++ 2S and its stochastic form, with one evaluation a step. Steps come in pairs. The first is of first order. The second
 * restarts where the first one started, and uses the image predicted halfway, `D̄ = D_start + (D - D_start) / 2r`.
 * In λ, r is the position of the halfway point in the pair. With h the pair's length in λ, η = 0 or (stochastic) 1, G = (1 + η) h:
 *
 *     x ← (σ_next / σ_start) e^{-ηh} x_start + α_next (1 - e^{-G}) D̄ + σ_next √(1 - e^{-2ηh}) n
 *
 * The last step, to σ = 0, is of first order. Source: Lu et al., "DPM-Solver++" (2022), as in DPMSolverSinglestepScheduler of
 * order 2 (midpoint, `use_flow_sigmas`).
 */
export const dpmSinglestep =
  ({ stochastic }: DpmSinglestepOptions): CreateSolver =>
  ({ sigmas, gaussian, arithmetic }) => {
    const eta = stochastic ? 1 : 0;
    let start: Start | undefined;
    return {
      async step(x, step, velocity) {
        const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
        const lambda = halfLogSnr(sigma);
        const D = await denoised(arithmetic, x, sigma, await velocity(x, sigma));
        if (next === 0) return D;
        if (!start || step % 2 === 0) start = { x, sigma, lambda, D };
        const h = halfLogSnr(next) - start.lambda;
        const r = (lambda - start.lambda) / h;
        const integral = -(1 - next) * Math.expm1(-(1 + eta) * h);
        const share = r > 0 ? 1 / (2 * r) : 0;
        return arithmetic.weightedSum([
          [(next / start.sigma) * Math.exp(-eta * h), start.x],
          [integral * (1 - share), start.D],
          [integral * share, D],
          ...(stochastic ? [[next * Math.sqrt(-Math.expm1(-2 * h)), gaussian()] as const] : []),
        ]);
      },
    };
  };

/**
 * Second order: solves the flow exactly for a predicted noise ε that is linear in ln ρ, `ρ = σ / (1 - σ)`. The first step, and the last
 * one to σ = 0, are Euler steps: on a flow these are the first order.
 * Source: Zhang and Chen, "Fast Sampling of Diffusion Models with Exponential Integrator" (2023), as in DEISMultistepScheduler of
 * order 2 with `use_flow_sigmas`.
 */
export const deis: CreateSolver = ({ sigmas, arithmetic }) => {
  let known: { lnRho: number; noise: AnyTensor } | undefined;
  return {
    async step(x, step, velocity) {
      const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
      const v = await velocity(x, sigma);
      if (next === 0) return denoised(arithmetic, x, sigma, v);
      const noise = await arithmetic.weightedSum([
        [1, x],
        [1 - sigma, v],
      ]);
      const [previous, lnRho, end] = [known, -halfLogSnr(sigma), -halfLogSnr(next)];
      known = { lnRho, noise };
      if (!previous) {
        return arithmetic.weightedSum([
          [1, x],
          [next - sigma, v],
        ]);
      }
      const alpha = 1 - next;
      return arithmetic.weightedSum([
        [alpha / (1 - sigma), x],
        [alpha * linearIntegral(lnRho, end, previous.lnRho), noise],
        [alpha * linearIntegral(lnRho, end, lnRho, previous.lnRho), previous.noise],
      ]);

      /** `∫ (ln ρ - zero) / (one - zero) dρ` from ln ρ = `from` to `to`: the weight of the noise known at `one`. */
      function linearIntegral(from: number, to: number, zero: number, one = from): number {
        const antiderivative = (t: number) => Math.exp(t) * (t - zero - 1);
        return (antiderivative(to) - antiderivative(from)) / (one - zero);
      }
    },
  };
};
