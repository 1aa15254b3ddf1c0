/** The table of scheduler names: complete, forgiving in spelling, and safe to draw with. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ParameterError } from "../../src/engine/check.ts";
import { schedulerConfig } from "../../src/engine/checkpoint/config.ts";
import { ALIASES, resolveScheduler, SCHEDULERS } from "../../src/engine/schedulers/schedulers.ts";
import { flowSigmas, SPACINGS } from "../../src/engine/schedulers/sigmas.ts";
import { SOLVERS } from "../../src/engine/schedulers/solvers.ts";
import { SCHEDULER_ALIASES, SCHEDULERS as WIRE_NAMES } from "../../src/protocol/index.ts";
import { twoGaussians } from "./flows.ts";
import { PAIRS } from "./pairs.ts";
import { plainSolver } from "./plain-solver.ts";

const config = schedulerConfig.parse({
  base_shift: 0.5,
  max_shift: 0.9,
  max_image_seq_len: 8192,
  shift_terminal: 0.02,
  use_dynamic_shifting: true,
});
const names = SCHEDULERS.map(({ name }) => name);

describe("names", () => {
  test("equal those of the API, including aliases", () => {
    expect(names).toHaveLength(75);
    expect(names).toEqual([...WIRE_NAMES]);
    expect(ALIASES).toEqual(SCHEDULER_ALIASES);
  });

  test("are found in any letter case, with blanks around them", () => {
    for (const { name, solver, spacing } of SCHEDULERS) {
      for (const spelling of [name.toUpperCase(), name.toLowerCase(), ` ${name}\n`]) {
        expect(resolveScheduler(spelling)).toMatchObject({ name, solver, spacing });
      }
    }
    expect(resolveScheduler("euler discreteSCHEDULER").name).toBe("EulerDiscreteScheduler");
    expect(resolveScheduler("unipcmultistepscheduler").name).toBe("UniPC");
  });

  test.each(SCHEDULERS.map((scheduler) => [scheduler.name, scheduler] as const))(
    "%s has the documented spacing and randomness",
    (name, { solver, spacing }) => {
      const promised = {
        karras: /Karras|EDM/.test(name),
        beta: / Beta/.test(name),
        exponential: / Exponential/.test(name),
        uniform: / Uniform|^DDIM|^DDPM|^PNDM/.test(name),
      };
      for (const [word, said] of Object.entries(promised)) {
        expect(spacing.title.toLowerCase().includes(word), word).toBe(said);
      }
      expect(solver.stochastic).toBe(/SDE| a$|Ancestral|DDPM|LCM|TCD/.test(name));
      expect(solver.evaluations).toBe(/Heun|KDPM2/.test(name) ? 2 : 1);
    },
  );

  test("give the model's own Euler by default", () => {
    const { solver, spacing } = resolveScheduler("Default");
    expect(solver.title).toBe("Euler");
    expect(spacing.sigmas(20, 4096, config)).toEqual(flowSigmas(20, 4096, config));
  });

  test.each([
    ["DPM++ 2M Karas", '"DPM++ 2M Karras"'],
    ["eular", '"Euler"'],
    ["heun++", '"Heun"'],
    ["", '"LCM"'],
  ])('"%s" is refused naming %s', (name, nearest) => {
    const refuse = () => resolveScheduler(name);
    expect(refuse).toThrow(ParameterError);
    expect(refuse).toThrow(`scheduler is "${name}"; the most similar of 75 names are`);
    expect(refuse).toThrow(nearest);
  });

  test("differ: no two of different solver or spacing give the same", async () => {
    const results = new Map<string, string>();
    for (const { solver, spacing } of PAIRS) {
      const key = `${solver.title}, ${spacing.title}`;
      const sigmas = spacing.sigmas(6, 256, config);
      const x = await drawFrom(solver.create, sigmas, 0);
      const same = [...results].find(([other, value]) => other !== key && value === x.join());
      expect(same?.[0], key).toBeUndefined();
      results.set(key, x.join());
    }
  });
});

test.each(PAIRS.map((scheduler) => [scheduler.name, scheduler] as const))(
  "%s stays finite and close to the data in 1 to 50 steps, from any of them",
  async (_, { solver, spacing }) => {
    for (let steps = 1; steps <= 50; steps++) {
      const sigmas = spacing.sigmas(steps, 256, config);
      for (const first of new Set([0, 1, steps >> 1, steps - 2, steps - 1].filter((i) => i >= 0 && i < steps))) {
        const x = await drawFrom(solver.create, sigmas, first);
        for (const value of x) expect(Math.abs(value), `${steps} steps from ${first}`).toBeLessThan(4);
      }
    }
  },
);

/** Latents at the end of a schedule entered at step `first`, with noise that repeats. */
async function drawFrom(create: (typeof SCHEDULERS)[number]["solver"]["create"], sigmas: number[], first: number) {
  const noises = [-1.7, 0.6, 0.1, -0.4, 2.1, 1.2, -0.9];
  let drawn = 0;
  const gaussian = () => Float32Array.from({ length: 5 }, () => noises[drawn++ % noises.length]!);
  const solver = plainSolver(create, { sigmas, gaussian });
  const pictures = [-1.1, -0.3, 0.4, 0.8, 1.3];
  let x = gaussian().map((noise, i) => sigmas[first]! * noise + (1 - sigmas[first]!) * pictures[i]!);
  const { velocity } = twoGaussians;
  for (let step = first; step < sigmas.length - 1; step++) x = (await solver.step(x, step, velocity)) as typeof x;
  return x;
}

test("a linear time shift moves levels by mu", () => {
  const linear = schedulerConfig.parse({
    base_shift: 0.5,
    max_shift: 0.9,
    use_dynamic_shifting: true,
    time_shift_type: "linear",
  });
  const levels = flowSigmas(4, 256, linear); // mu is the base shift at 256 tokens
  for (const [i, t] of [1, 0.75, 0.5, 0.25].entries()) expect(levels[i]).toBeCloseTo(0.5 / (0.5 + 1 / t - 1), 6);
});

/** diffusers' `lower_order_final`: of fewer than 15 steps the last but one is of second order at most. */
test.each([
  [14, true],
  [15, false],
])("DPM++ 3M of %d steps computes its last but one like 2M: %s", async (steps, same) => {
  const sigmas = Array.from({ length: steps + 1 }, (_, i) => 1 - i / steps);
  const gaussian = () => new Float32Array();
  const [third, second] = [SOLVERS.dpm3m, SOLVERS.dpm2m].map(({ create }) => plainSolver(create, { sigmas, gaussian }));
  let x = Float32Array.of(0.3, -0.8, 1.4) as Float32Array;
  for (let step = 0; step <= steps - 2; step++) {
    const other = await second!.step(x, step, twoGaussians.velocity);
    x = await third!.step(x, step, twoGaussians.velocity);
    if (step === steps - 2) expect([...x].join() === [...other].join()).toBe(same);
  }
});

test.each(["karras", "exponential", "beta"] as const)(
  "a checkpoint with %s sigmas in its config uses them by default",
  (curve) => {
    const asking = { ...config, [`use_${curve}_sigmas`]: true };
    for (const [steps, tokens] of [
      [1, 256],
      [2, 1024],
      [20, 4096],
    ] as const) {
      const expected = SPACINGS[curve].sigmas(steps, tokens, config);
      expect(SPACINGS.model.sigmas(steps, tokens, asking)).toEqual(expected);
      if (steps > 2) expect(expected).not.toEqual(SPACINGS.model.sigmas(steps, tokens, config));
    }
  },
);

test("a checkpoint with two kinds of sigmas in its config is refused", () => {
  const both = { ...config, use_karras_sigmas: true, use_beta_sigmas: true };
  expect(schedulerConfig.safeParse(both).error?.message).toContain("only one of use_karras_sigmas");
});

test("noise levels fall from 1 to 0 for every name, size of image and number of steps", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...SCHEDULERS),
      fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 1000 })),
      fc.integer({ min: 1, max: 65_536 }),
      fc.boolean(),
      ({ spacing }, steps, tokens, lightning) => {
        const checkpoint = lightning ? schedulerConfig.parse({ shift: 3 }) : config;
        const sigmas = spacing.sigmas(steps, tokens, checkpoint);
        expect(sigmas).toHaveLength(steps + 1);
        expect([sigmas[0], sigmas.at(-1)]).toEqual([1, 0]);
        for (let i = 0; i < steps; i++) expect(sigmas[i + 1]).toBeLessThan(sigmas[i]!);
        expect(sigmas).toEqual([...Float32Array.from(sigmas)]);
      },
    ),
    { numRuns: 500 },
  );
});
