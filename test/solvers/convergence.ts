import type { CreateSolver } from "../../src/engine/schedulers/solver.ts";
import type { Flow } from "./flows.ts";
import { plainSolver } from "./plain-solver.ts";

const STARTS = [-1.3, -0.4, 0.2, 0.9, 1.8];

/**
 * Error of one step in the middle of the flow, from σ = 0.25 + 0.6 / n to 0.25, when all steps before began on the exact solution:
 * what the formula itself is worth, whatever its first steps were.
 */
export async function stepError(create: CreateSolver, flow: Flow, n: number): Promise<number> {
  const [from, to] = [0.85, 0.25];
  const grid = Array.from({ length: n + 1 }, (_, i) => from + ((to - from) * i) / n);
  const solver = plainSolver(create, { sigmas: [...grid, 0.18, 0.12, 0.06, 0], gaussian: noNoise });
  let x: Float32Array = new Float32Array();
  for (let i = 0; i < n; i++)
    x = await solver.step(Float32Array.from(flow.follow(STARTS, from, grid[i]!)), i, flow.velocity);
  return rootMeanSquare(x, flow.follow(STARTS, from, to));
}

/** Error of n equal steps from pure noise to the picture, beginnings and ends included. */
export function wayError(create: CreateSolver, flow: Flow, n: number): Promise<number> {
  return pathError(create, flow, 1, 0, n, []);
}

/** Error of n equal steps from σ = 0.85 to 0.25: with the solver's first steps, away from where λ is infinite. */
export function middleError(create: CreateSolver, flow: Flow, n: number): Promise<number> {
  return pathError(create, flow, 0.85, 0.25, n, [0.18, 0.12, 0.06, 0]);
}

async function pathError(
  create: CreateSolver,
  flow: Flow,
  from: number,
  to: number,
  n: number,
  beyond: readonly number[],
): Promise<number> {
  const grid = Array.from({ length: n + 1 }, (_, i) => from + ((to - from) * i) / n);
  const solver = plainSolver(create, { sigmas: [...grid, ...beyond], gaussian: noNoise });
  let x: Float32Array = Float32Array.from(STARTS);
  for (let i = 0; i < n; i++) x = await solver.step(x, i, flow.velocity);
  return rootMeanSquare(x, flow.follow(STARTS, from, to));
}

/** Least-squares slope of -ln(error) over ln(n): the power of the step's length that errors shrink with. */
export function slope(counts: readonly number[], errors: readonly number[]): number {
  const x = counts.map(Math.log);
  const y = errors.map((error) => -Math.log(error));
  const [meanX, meanY] = [mean(x), mean(y)];
  const covariance = x.reduce((sum, value, i) => sum + (value - meanX) * (y[i]! - meanY), 0);
  return covariance / x.reduce((sum, value) => sum + (value - meanX) ** 2, 0);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function rootMeanSquare(actual: ArrayLike<number>, expected: readonly number[]): number {
  return Math.sqrt(mean(expected.map((value, i) => (actual[i]! - value) ** 2)));
}

function noNoise(): never {
  throw new Error("asked for noise");
}
