import type { PlainVelocity } from "./plain-solver.ts";

/** Flows whose velocity is known in closed form: data from a few equally likely Gaussians on a line. */

export interface Flow {
  readonly velocity: PlainVelocity;
  /** The exact solution: where latents that are at `x` at level `from` come to be at level `to`. */
  readonly follow: (x: ArrayLike<number>, from: number, to: number) => number[];
}

export const MEAN = 0.7;
export const DEVIATION = 0.4;

/** Data from N(0.7, 0.4²): x = (1 - σ) m + z √((1 - σ)² s² + σ²), z constant along the flow. */
export const gaussian: Flow = {
  velocity: async (x, sigma) => Float32Array.from(x, (value) => slope([MEAN], DEVIATION, value, sigma)),
  follow: (x, from, to) =>
    Array.from(x, (value) => (1 - to) * MEAN + ((value - (1 - from) * MEAN) / spread(from)) * spread(to)),
};

/** Standard deviation of latents at level σ when the data are N(m, 0.4²). */
export function spread(sigma: number): number {
  return Math.hypot((1 - sigma) * DEVIATION, sigma);
}

const CENTRES = [-0.6, 0.9];
const WIDTH = 0.5;

/** Data from two Gaussians, so that the velocity is not linear in x; solved with 400 Runge–Kutta steps in float64. */
export const twoGaussians: Flow = {
  velocity: async (x, sigma) => Float32Array.from(x, (value) => slope(CENTRES, WIDTH, value, sigma)),
  follow: (x, from, to) => Array.from(x, (value) => rungeKutta(value, from, to)),
};

/** `dx/dσ = E[noise | x] - E[picture | x]` when the picture is from Gaussians about `centres`. */
function slope(centres: readonly number[], width: number, x: number, sigma: number): number {
  const alpha = 1 - sigma;
  const variance = (alpha * width) ** 2 + sigma ** 2;
  let [total, sum] = [0, 0];
  for (const centre of centres) {
    const away = x - alpha * centre;
    const likelihood = Math.exp(-(away ** 2) / (2 * variance));
    total += likelihood;
    sum += likelihood * ((away / variance) * (sigma - alpha * width ** 2) - centre);
  }
  return sum / total;
}

function rungeKutta(x: number, from: number, to: number): number {
  const steps = 400;
  const h = (to - from) / steps;
  const f = (value: number, sigma: number) => slope(CENTRES, WIDTH, value, sigma);
  let value = x;
  for (let i = 0; i < steps; i++) {
    const sigma = from + i * h;
    const k1 = f(value, sigma);
    const k2 = f(value + (h / 2) * k1, sigma + h / 2);
    const k3 = f(value + (h / 2) * k2, sigma + h / 2);
    const k4 = f(value + h * k3, sigma + h);
    value += (h / 6) * (k1 + 2 * k2 + 2 * k3 + k4);
  }
  return value;
}
