import { afterAll, expect, test } from "vitest";
import { recorded } from "../../../test/support/recorded-finishing.ts";
import { openSafetyClassifier } from "./classifier.ts";
import { SAFETY_CLASSES } from "./policy.ts";

const classifier = await openSafetyClassifier();
afterAll(() => classifier.release());

test("scores are those of nsfwjs, whose weights these are", async () => {
  for (const { name, picture, scores: expected } of await recorded()) {
    const scores = await classifier.classify(picture);
    for (const key of SAFETY_CLASSES)
      expect([name, Math.abs(scores[key] - expected[key]) < 1e-3]).toEqual([name, true]);
    expect(Object.values(scores).reduce((a, b) => a + b)).toBeCloseTo(1, 5);
  }
});

test("the same picture gives the same scores", async () => {
  const [{ picture }] = await recorded();
  expect(await classifier.classify(picture)).toEqual(await classifier.classify(picture));
});
