import { denoised } from "./flow.ts";
import type { CreateSolver } from "./solver.ts";
import { weightedSum } from "./weighted-sum.ts";

/** How far below the next level each step goes before noise leads back up: 0 is Euler, 1 is LCM. TCDScheduler's default. */
const GAMMA = 0.3;

/**
 * Goes to `s = (1 - γ) σ_next` along predicted picture and noise, `x_s = (1 - s) D + s ε`, and back up with fresh noise:
 * `x ← a x_s + √(σ_next² - a² s²) n`, a = (1 - σ_next) / (1 - s). For models distilled to few steps.
 * Source: Zheng et al., "Trajectory Consistency Distillation" (2024), TCDScheduler, carried over to flows.
 */
export const tcd: CreateSolver = ({ sigmas, velocity, gaussian }) => ({
  async step(x, step) {
    const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
    const v = await velocity(x, sigma);
    if (next === 0) return denoised(x, sigma, v);
    const s = (1 - GAMMA) * next;
    const a = (1 - next) / (1 - s);
    return weightedSum([
      [a, x],
      [a * (s - sigma), v], // x + (s - σ) v = (1 - s) D + s ε
      [Math.sqrt(next ** 2 - (a * s) ** 2), gaussian()],
    ]);
  },
});
