import { describe, expect, it } from "vitest";
import { type ImageInferenceTask, parseTask } from "../protocol/index.ts";
import { stepCacheOf } from "./step-cache.ts";

function task(acceleratorOptions: object | undefined, steps = 20): ImageInferenceTask {
  const parsed = parseTask({
    taskType: "imageInference",
    taskUUID: "0b2aa6f5-6d4c-4f5f-9f3c-0e6d1c5a7b11",
    model: "runware:108@1",
    positivePrompt: "a sign",
    ...{ width: 256, height: 256, steps },
    ...(acceleratorOptions && { acceleratorOptions }),
  });
  if (!parsed.ok) throw parsed.errors[0];
  return parsed.task as ImageInferenceTask;
}

describe("the step cache of a task", () => {
  it("is none unless one is switched on", () => {
    expect(stepCacheOf(task(undefined))).toBeUndefined();
    expect(stepCacheOf(task({ fbCacheThreshold: 0.5, cacheStartStep: 3 }))).toBeUndefined();
  });

  it("turns the API's thresholds of fb and db around, not TeaCache's", () => {
    const threshold = (options: object) => stepCacheOf(task(options))?.threshold;
    expect(threshold({ fbCache: true })).toBeCloseTo(0.18);
    expect(threshold({ fbCache: true, fbCacheThreshold: 1 })).toBe(0);
    expect(threshold({ fbCache: true, fbCacheThreshold: 0 })).toBeCloseTo(0.24);
    expect(threshold({ dbCache: true, dbCacheThreshold: 0.5 })).toBeCloseTo(0.12);
    expect(threshold({ teaCache: true, teaCacheDistance: 0.1 })).toBe(0.1);
    expect(threshold({ teaCache: true })).toBe(0.5);
  });

  it("carries window, longest run and refresh interval", () => {
    expect(stepCacheOf(task({ dbCache: true }))).toMatchObject({
      start: 0,
      end: 20,
      maxConsecutive: 3,
      refreshInterval: 6,
    });
    const given = { fbCache: true, cacheStartStep: 2, cacheEndStepPercentage: 80, cacheMaxConsecutiveSteps: 1 };
    expect(stepCacheOf(task(given))).toMatchObject({ start: 2, end: 16, maxConsecutive: 1 });
  });

  it("is none when the window holds no step", () => {
    const narrow = { fbCache: true, cacheStartStepPercentage: 51, cacheEndStepPercentage: 55 };
    expect(stepCacheOf(task(narrow, 4))).toBeUndefined();
  });
});
