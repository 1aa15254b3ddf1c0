import { describe, expect, test } from "vitest";
import { accepted, task } from "../../test/support/checked-tasks.ts";
import { parseTask, SCHEDULERS } from "./index.ts";

describe("schedulers", () => {
  test("there are 75, each once", () => {
    expect(SCHEDULERS).toHaveLength(75);
    expect(new Set(SCHEDULERS.map((name) => name.toLowerCase())).size).toBe(75);
  });
  test.each([
    ["default", "Default"],
    ["dpm++ 2m karras", "DPM++ 2M Karras"],
    ["Euler DiscreteScheduler", "EulerDiscreteScheduler"],
    ["unipcmultistepscheduler", "UniPC"],
  ])("%s is %s", (given, name) => expect(accepted({ scheduler: given }).scheduler).toBe(name));
  test("other names are refused with the list", () => {
    const parsed = parseTask(task({ scheduler: "Best" }));
    expect(!parsed.ok && parsed.errors[0].facts.allowedValues).toEqual(SCHEDULERS);
  });
});
