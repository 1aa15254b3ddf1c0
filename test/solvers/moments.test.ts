/** Stochastic solvers by the mean and spread of what they draw, where the data are a Gaussian and both are known. */

import { describe, expect, test } from "vitest";
import { torchGenerator } from "../../src/engine/noise/torch-generator.ts";
import { SOLVERS, type SolverKind } from "../../src/engine/schedulers/solvers.ts";
import { DEVIATION, gaussian, MEAN, spread } from "./flows.ts";
import { plainSolver } from "./plain-solver.ts";

const DRAWS = 8_000;
const kinds = SOLVERS as Record<string, SolverKind>;

function evenSigmas(steps: number): number[] {
  return Array.from({ length: steps + 1 }, (_, i) => 1 - i / steps);
}

async function drawn(name: string, steps: number): Promise<{ mean: number; deviation: number }> {
  const generator = torchGenerator(5n);
  const noise = () => generator.randn(DRAWS);
  const solver = plainSolver(kinds[name]!.create, { sigmas: evenSigmas(steps), gaussian: noise });
  let x = noise();
  for (let i = 0; i < steps; i++) x = await solver.step(x, i, gaussian.velocity);
  const mean = x.reduce((sum, value) => sum + value, 0) / DRAWS;
  return { mean, deviation: Math.sqrt(x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / DRAWS) };
}

describe.each(Object.keys(kinds).filter((name) => kinds[name]!.stochastic))("%s", (name) => {
  test("keeps the mean, for any number of steps", async () => {
    for (const steps of [1, 2, 7, 30]) {
      expect(Math.abs((await drawn(name, steps)).mean - MEAN), `${steps} steps`).toBeLessThan(0.02);
    }
  });
});

/** LCM and TCD take predicted images for drawn ones: they do not tend to the data's spread, and are not meant to. */
describe.each(["eulerAncestral", "dpm2Ancestral", "ddpm", "dpm2sSde", "dpm2mSde", "dpm3mSde"])("%s", (name) => {
  test("approaches the data's spread with more steps", async () => {
    const [few, many] = [await drawn(name, 20), await drawn(name, 120)];
    const [farther, nearer] = [few, many].map(({ deviation }) => Math.abs(deviation / DEVIATION - 1));
    expect(nearer).toBeLessThan(0.06);
    expect(nearer).toBeLessThan(farther! / 2 + 0.01);
  });
});

/** Those that go down to a level s and back up with noise have a spread known for any number of steps. */
describe.each<[string, (sigma: number, next: number) => number]>([
  ["eulerAncestral", (sigma, next) => next ** 2 / sigma],
  ["lcm", () => 0],
  ["tcd", (_, next) => 0.7 * next],
])("%s", (name, down) => {
  test.each([3, 8, 20])("has the spread of its formula, in %i steps", async (steps) => {
    const sigmas = evenSigmas(steps);
    let variance = 1;
    for (let i = 0; i < steps; i++) {
      const [sigma, next] = [sigmas[i]!, sigmas[i + 1]!];
      const s = down(sigma, next);
      const alpha = 1 - sigma;
      const picture = (alpha * DEVIATION ** 2) / spread(sigma) ** 2; // dD/dx
      const noise = (1 - alpha * picture) / sigma;
      const keep = (1 - next) / (1 - s);
      variance = (keep * ((1 - s) * picture + s * noise)) ** 2 * variance + next ** 2 - (keep * s) ** 2;
    }
    expect((await drawn(name, steps)).deviation / Math.sqrt(variance)).toBeCloseTo(1, 1.2);
  });
});
