/** How fast the solvers that follow the flow without noise approach it as steps are added. */

import { describe, expect, test } from "vitest";
import { SOLVERS, type SolverKind } from "../../src/engine/schedulers/solvers.ts";
import { middleError, slope, stepError, wayError } from "./convergence.ts";
import { gaussian, twoGaussians } from "./flows.ts";

const ODE = Object.entries(SOLVERS as Record<string, SolverKind>).filter(([, { stochastic }]) => !stochastic);

/** What is left of the order when the way begins with a step of lower order; UniPC corrects even that one. */
const BEGUN: Record<string, number> = { euler: 1, plms: 3, unipc2: 3, unipc3: 3 };

describe.each(ODE)("%s", (name, { create, order }) => {
  test(`a step has an error of its length to the power ${order! + 1}`, async () => {
    const counts = [16, 24, 32, 48];
    const errors = await Promise.all(counts.map((n) => stepError(create, twoGaussians, n)));
    expect(Math.abs(slope(counts, errors) - (order! + 1))).toBeLessThan(0.3);
  });

  const begun = BEGUN[name] ?? 2;
  test(`a trajectory from its first step has order ${begun}`, async () => {
    const counts = [16, 24, 32, 48];
    const errors = await Promise.all(counts.map((n) => middleError(create, twoGaussians, n)));
    expect(slope(counts, errors)).toBeGreaterThan(begun - 0.15);
  });

  test("it goes from pure noise to the image, and better than Euler unless it is Euler", async () => {
    for (const flow of [gaussian, twoGaussians]) {
      const [few, many] = [await wayError(create, flow, 8), await wayError(create, flow, 96)];
      expect(few).toBeGreaterThan(many * 9);
      if (name !== "euler") expect(many).toBeLessThan((await wayError(SOLVERS.euler.create, flow, 96)) / 8);
    }
  });
});
