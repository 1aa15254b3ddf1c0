/**
 * One Euler step along the velocity: `x ← x + (σ_next - σ) · v`, in place.
 * @param latents [L, features]
 * @param velocity same shape
 */
export function eulerStep(latents: Float32Array, velocity: Float32Array, sigma: number, next: number): void {
  const delta = Math.fround(next - sigma);
  for (let i = 0; i < latents.length; i++) latents[i]! += Math.fround(delta * velocity[i]!);
}
