import { denoised, halfLogSnr } from "./flow.ts";
import type { CreateSolver } from "./solver.ts";
import { weightedSum } from "./weighted-sum.ts";

export interface DpmSinglestepOptions {
  readonly stochastic: boolean;
}

/** Where a pair of steps began. */
interface Start {
  readonly x: Float32Array;
  readonly sigma: number;
  readonly lambda: number;
  readonly D: Float32Array;
}

/**
 * DPM-Solver++ 2S and its stochastic form, one evaluation a step: steps come in pairs. The first is of first order, the second
 * starts over where the first began and uses what that one found halfway, `D̄ = D_start + (D - D_start) / 2r`,
 * r the halfway point's share of the pair in λ. With h the pair's length in λ, η = 0 or (stochastic) 1, G = (1 + η) h:
 *
 *     x ← (σ_next / σ_start) e^{-ηh} x_start + α_next (1 - e^{-G}) D̄ + σ_next √(1 - e^{-2ηh}) n
 *
 * The last step, to σ = 0, is of first order. Source: Lu et al., "DPM-Solver++" (2022), as in DPMSolverSinglestepScheduler of
 * order 2 (midpoint, `use_flow_sigmas`).
 */
export const dpmSinglestep =
  ({ stochastic }: DpmSinglestepOptions): CreateSolver =>
  ({ sigmas, velocity, gaussian }) => {
    const eta = stochastic ? 1 : 0;
    let start: Start | undefined;
    return {
      async step(x, step) {
        const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
        const lambda = halfLogSnr(sigma);
        const D = denoised(x, sigma, await velocity(x, sigma));
        if (next === 0) return D;
        if (!start || step % 2 === 0) start = { x, sigma, lambda, D };
        const h = halfLogSnr(next) - start.lambda;
        const r = (lambda - start.lambda) / h;
        const integral = -(1 - next) * Math.expm1(-(1 + eta) * h);
        const share = r > 0 ? 1 / (2 * r) : 0;
        return weightedSum([
          [(next / start.sigma) * Math.exp(-eta * h), start.x],
          [integral * (1 - share), start.D],
          [integral * share, D],
          ...(stochastic ? [[next * Math.sqrt(-Math.expm1(-2 * h)), gaussian()] as const] : []),
        ]);
      },
    };
  };
