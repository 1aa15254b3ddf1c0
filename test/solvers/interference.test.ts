/** What a mask does to latents between two steps has to stand, in solvers that remember too. */

import { expect, test } from "vitest";
import { SOLVERS, type SolverKind } from "../../src/engine/schedulers/solvers.ts";
import { twoGaussians } from "./flows.ts";
import { plainSolver } from "./plain-solver.ts";

const sigmas = Array.from({ length: 13 }, (_, i) => 1 - i / 12);

/** Latents after every step; after step 5 the first of them is moved by `push`. */
async function way({ create }: SolverKind, push: number): Promise<number[][]> {
  const solver = plainSolver(create, { sigmas, gaussian: () => new Float32Array(3) });
  const latents: number[][] = [];
  let x: Float32Array = Float32Array.of(0.3, -0.8, 1.4);
  for (let step = 0; step < 12; step++) {
    const given = x.slice();
    const next = await solver.step(x, step, twoGaussians.velocity);
    expect(x, "the array given is not changed").toEqual(given);
    expect(next).not.toBe(x);
    latents.push([...next]);
    x = next.slice();
    if (step === 5) x[0]! += push;
  }
  return latents;
}

test.each(Object.entries(SOLVERS as Record<string, SolverKind>))(
  "%s continues from a changed position",
  async (name, kind) => {
    const [alone, pushed] = [await way(kind, 0), await way(kind, 0.5)];
    const moved = pushed.map((latents, step) => latents.map((value, i) => value - alone[step]![i]!));
    for (const [first, ...others] of moved.slice(0, 6)) expect([first, ...others]).toEqual([0, 0, 0]);
    for (const [, ...others] of moved.slice(6)) expect(others, "the others are not touched").toEqual([0, 0]);
    // From level 1/2 to 5/12 what noise there is shrinks, what picture there is grows: the push stays in sight.
    expect(moved[6]![0]).toBeGreaterThan(name === "lcm" ? 0.1 : 0.3);
  },
);
