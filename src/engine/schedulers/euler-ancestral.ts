import { ancestralStep } from "./ancestral.ts";
import type { CreateSolver } from "./solver.ts";
import { weightedSum } from "./weighted-sum.ts";

/** Euler to below the next level, then fresh noise back up. Source: as {@link ancestralStep}. */
export const eulerAncestral: CreateSolver = ({ sigmas, velocity, gaussian }) => ({
  async step(x, step) {
    const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
    const { down, keep, noise } = ancestralStep(sigma, next);
    const v = await velocity(x, sigma);
    return weightedSum([
      [keep, x],
      [keep * (down - sigma), v],
      [noise, gaussian()],
    ]);
  },
});
