import { expect, test } from "vitest";
import { skipLimits } from "./step-cache.ts";

/** Which evaluations are skipped when every one that may be is. */
function skips(steps: readonly number[], limits: Parameters<typeof skipLimits>[0]): string {
  const { allows, record } = skipLimits(limits);
  return steps
    .map((step) => {
      const place = { step, last: false };
      const skipped = allows(place);
      record(skipped, place);
      return skipped ? "s" : ".";
    })
    .join("");
}

test("skipped steps in a row, then a computed one", () => {
  expect(skips([0, 1, 2, 3, 4, 5], { maxConsecutive: 2 })).toBe("ss.ss.");
});

test("a step with two evaluations counts once", () => {
  expect(skips([0, 0, 1, 1, 2, 2, 3, 3], { maxConsecutive: 2 })).toBe("ssss.sss");
});

test("the window counts steps and excludes its end", () => {
  expect(skips([0, 1, 2, 3, 4], { start: 1, end: 3 })).toBe(".ss..");
});
