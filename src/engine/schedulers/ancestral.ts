/**
 * An ancestral step goes further down than asked, to `down`, and returns to `next` by adding noise:
 * `x ← keep · x + noise · n`. On a flow the picture's share must come out right as well as the noise's:
 * `σ_down = σ_next² / σ`, `keep = (1 - σ_next) / (1 - σ_down)`, `noise = √(σ_next² - keep² σ_down²)`.
 * Source: ComfyUI's rectified-flow ancestral samplers with η = 1; LTXEulerAncestralRFScheduler.
 */
export function ancestralStep(sigma: number, next: number): { down: number; keep: number; noise: number } {
  const down = (next * next) / sigma;
  const keep = (1 - next) / (1 - down);
  return { down, keep, noise: Math.sqrt(Math.max(0, next ** 2 - (keep * down) ** 2)) };
}
