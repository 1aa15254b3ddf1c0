import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { recorded } from "../../test/support/recorded-finishing.ts";
import { DEFAULT_SAFETY_RULE, SAFETY_CLASSES, type SafetyScores } from "../settings/index.ts";
import { isUnsafe, openSafetyClassifier } from "./safety.ts";

const scores = (given: Partial<SafetyScores>): SafetyScores => ({
  Drawing: 0,
  Hentai: 0,
  Neutral: 0,
  Porn: 0,
  Sexy: 0,
  ...given,
});

test("the default rule counts pornography, in photos and drawings, from 0.7", () => {
  expect(isUnsafe(scores({ Porn: 0.4, Hentai: 0.31, Neutral: 0.29 }), DEFAULT_SAFETY_RULE)).toBe(true);
  expect(isUnsafe(scores({ Porn: 0.4, Hentai: 0.29, Neutral: 0.31 }), DEFAULT_SAFETY_RULE)).toBe(false);
  expect(isUnsafe(scores({ Sexy: 1 }), DEFAULT_SAFETY_RULE)).toBe(false);
});

test("the threshold is inclusive", () => {
  expect(isUnsafe(scores({ Sexy: 0.5 }), { classes: ["Sexy"], threshold: 0.5 })).toBe(true);
});

test("a lower threshold or more classes never clear an image", () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  const anyScores = fc.record({ Drawing: share, Hentai: share, Neutral: share, Porn: share, Sexy: share });
  fc.assert(
    fc.property(anyScores, fc.subarray([...SAFETY_CLASSES]), share, share, (given, classes, a, b) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)];
      const strict = isUnsafe(given, { classes: SAFETY_CLASSES, threshold: low });
      if (isUnsafe(given, { classes, threshold: high })) expect(strict).toBe(true);
    }),
  );
});

const classifier = await openSafetyClassifier();
afterAll(() => classifier.release());

test("scores equal those of nsfwjs, the source of the weights", async () => {
  for (const { name, picture, scores: expected } of await recorded()) {
    const scores = await classifier.classify(picture);
    for (const key of SAFETY_CLASSES)
      expect([name, Math.abs(scores[key] - expected[key]) < 1e-3]).toEqual([name, true]);
    expect(Object.values(scores).reduce((a, b) => a + b)).toBeCloseTo(1, 5);
  }
});

test("the same image gives the same scores", async () => {
  const [{ picture }] = await recorded();
  expect(await classifier.classify(picture)).toEqual(await classifier.classify(picture));
});
