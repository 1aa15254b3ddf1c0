import { describe, expect, it, test } from "vitest";
import { type ImageInferenceTask, parseTask } from "../protocol/index.ts";
import { drawingFromTask, maskFromPicture, stepCacheOf } from "./from-task.ts";

const drawing = (changes: object, pictures = {}, card = {}) => {
  const given = {
    taskType: "imageInference",
    taskUUID: crypto.randomUUID(),
    model: "runware:108@1",
    width: 128,
    height: 128,
  };
  const parsed = parseTask({ ...given, positivePrompt: "a sign", ...changes });
  if (!parsed.ok) throw parsed.errors[0];
  return drawingFromTask(parsed.task as ImageInferenceTask, 5n, { defaults: { CFGScale: 4 }, ...card }, pictures);
};

describe("guidance", () => {
  test.each([
    ["the model's own without a word", {}, 4],
    ["CFGScale", { CFGScale: 2.5 }, 2.5],
    ["settings.trueCFGScale wins", { CFGScale: 2.5, settings: { trueCFGScale: 7 } }, 7],
    ["its old spelling", { trueCFGScale: 7 }, 7],
    ["one pass at 1", { settings: { trueCFGScale: 1 } }, 1],
  ])("%s", (_, changes, guidance) => {
    expect(drawing(changes)).toMatchObject({ prompt: "a sign", guidance });
  });

  test("__BLANK__ means no prompt and one pass, whatever the guidance", () => {
    expect(drawing({ positivePrompt: "__BLANK__", CFGScale: 6 })).toMatchObject({ prompt: "", guidance: 1 });
  });
});

test("strength applies to a seed image only, and is 0.8 by default", () => {
  const seedImage = { width: 1, height: 1, pixels: Uint8Array.of(1, 2, 3) };
  const asked = (inputs: object) => drawing({ inputs: { seedImage: crypto.randomUUID(), ...inputs } }, { seedImage });
  expect(asked({})).toMatchObject({ image: seedImage, strength: 0.8 });
  expect(asked({ strength: 0 }).strength).toBe(0);
  expect(drawing({}).strength).toBeUndefined();
});

test("transparent parts of seed, reference and guide images are white, whatever colour is stored there", () => {
  const clear = { width: 1, height: 1, pixels: Uint8Array.of(1, 2, 3), alpha: Uint8Array.of(0) };
  const white = { width: 1, height: 1, pixels: Uint8Array.of(255, 255, 255) };
  expect(drawing({ inputs: { seedImage: crypto.randomUUID() } }, { seedImage: clear }).image).toEqual(white);
  expect(drawing({ inputs: { referenceImages: [crypto.randomUUID()] } }, { references: [clear] }).references).toEqual([
    white,
  ]);
});

describe("an edit", () => {
  const image = (width: number, height: number) => ({ width, height, pixels: new Uint8Array(width * height * 3) });
  const edit = (size: object, card = {}) => {
    const inputs = { referenceImages: [crypto.randomUUID(), crypto.randomUUID()] };
    const references = [image(30, 60), image(64, 48)];
    return drawing({ width: undefined, height: undefined, inputs, ...size }, { references }, card);
  };

  test("has about a megapixel, at the aspect of the last reference image", () => {
    expect(edit({})).toMatchObject({ width: 1184, height: 896, referencePixels: 1024 * 1024 });
    expect(edit({}).references).toHaveLength(2);
  });

  test("has the requested size", () => {
    expect(edit({ width: 256, height: 512 })).toMatchObject({ width: 256, height: 512 });
  });

  test("stays within the maximum of the model", () => {
    expect(edit({}, { maxPixels: 4096 })).toMatchObject({ width: 64, height: 64, referencePixels: 4096 });
  });
});

test("a mask is lightness times opacity", () => {
  const pixels = Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 0, 0);
  expect([...maskFromPicture({ width: 3, height: 1, pixels }).pixels]).toEqual([255, 255, 76]);
  expect([...maskFromPicture({ width: 3, height: 1, pixels, alpha: Uint8Array.of(255, 100, 0) }).pixels]).toEqual([
    255, 100, 0,
  ]);
});

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
  it("is absent unless the task switches one on", () => {
    expect(stepCacheOf(task(undefined))).toBeUndefined();
    expect(stepCacheOf(task({ fbCacheThreshold: 0.5, cacheStartStep: 3 }))).toBeUndefined();
  });

  it("inverts the API's thresholds of fb and db, but not TeaCache's", () => {
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

  it("is absent if the window contains no step", () => {
    const narrow = { fbCache: true, cacheStartStepPercentage: 51, cacheEndStepPercentage: 55 };
    expect(stepCacheOf(task(narrow, 4))).toBeUndefined();
  });
});
