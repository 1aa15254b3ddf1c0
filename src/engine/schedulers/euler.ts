import type { CreateSolver } from "./solver.ts";

/** First order: `x ← x + (σ_next - σ) · v`. Source: FlowMatchEulerDiscreteScheduler; model spec 6.2. */
export const euler: CreateSolver = ({ sigmas, velocity }) => ({
  async step(latents, step) {
    const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
    const v = await velocity(latents, sigma);
    const delta = Math.fround(next - sigma);
    return latents.map((x, i) => x + Math.fround(delta * v[i]!));
  },
});
