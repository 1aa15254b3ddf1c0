/** Weights of the last velocities, newest first, for steps of equal length: orders 1 to 4. */
const WEIGHTS = [[1], [3 / 2, -1 / 2], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24]] as const;

export const ADAMS_BASHFORTH_ORDER = WEIGHTS.length;

/** The terms of `delta · v̄`, v̄ the velocity extrapolated from one to four past ones, newest first. */
export function adamsBashforth(delta: number, velocities: readonly Float32Array[]): [number, Float32Array][] {
  return velocities.map((v, j) => [delta * WEIGHTS[velocities.length - 1]![j]!, v]);
}
