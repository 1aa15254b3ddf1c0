import { expect, test } from "vitest";
import { inkstone } from "../../test/cli.ts";

const schedulers = (...args: string[]) => inkstone(["schedulers", ...args]);

test("for people: a line per name, with its meaning", async () => {
  const { code, out } = await schedulers();
  expect(code).toBe(0);
  const lines = out.trimEnd().split("\n");
  expect(lines).toHaveLength(76);
  expect(lines.find((line) => line.startsWith("KDPM2A"))).toMatch(
    /^KDPM2AncestralDiscreteScheduler +DPM2 ancestral +model +random +2 evaluations per step$/,
  );
});

test("for programs", async () => {
  const { out } = await schedulers("--json");
  expect(JSON.parse(out)).toContainEqual({
    name: "UniPC 3M Karras",
    solver: "UniPC 3",
    order: 3,
    sigmas: "Karras",
    stochastic: false,
    evaluations: 1,
  });
});
