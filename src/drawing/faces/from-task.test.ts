import { expect, test } from "vitest";
import { parseTask } from "../../protocol/index.ts";
import type { Drawing } from "../index.ts";
import { refinementOf, stepsPerFace } from "./index.ts";

const picture: Drawing = {
  prompt: "a bakery",
  negativePrompt: "blurred",
  width: 256,
  height: 256,
  seed: 1n,
  scheduler: "Euler",
};

function settings(ultralytics: object) {
  const base = { taskType: "imageInference", taskUUID: "ddf77178-639c-48d8-9827-501a20948cf7", model: "runware:108@1" };
  const parsed = parseTask({ ...base, positivePrompt: "x", width: 256, height: 256, ultralytics });
  if (!parsed.ok) throw parsed.errors[0];
  return (parsed.task as never as { advancedFeatures: { ultralytics: Parameters<typeof refinementOf>[0] } })
    .advancedFeatures.ultralytics;
}

test("the defaults of the API's documentation, with the prompts and scheduler of the image", () => {
  expect(settings({})).toMatchObject({ confidence: 0.9 });
  expect(refinementOf(settings({}), picture, 7n)).toEqual({
    edits: false,
    prompt: "a bakery",
    negativePrompt: "blurred",
    steps: 20,
    guidance: 8,
    scheduler: "Euler",
    strength: 0.3,
    seed: 7n,
    maskPadding: 5,
    maskBlur: 5,
  });
});

test("parameters in the task win; empty prompts count as absent", () => {
  const wishes = {
    CFGScale: 0,
    confidence: 0.5,
    maskBlur: 100,
    maskPadding: 0,
    positivePrompt: "a smile",
    negativePrompt: "",
    steps: 100,
    strength: 1,
  };
  expect(refinementOf(settings(wishes), picture, 7n)).toMatchObject({
    prompt: "a smile",
    negativePrompt: "blurred",
    steps: 100,
    guidance: 0,
    strength: 1,
    maskPadding: 0,
    maskBlur: 100,
  });
});

test.each([
  ["CFGScale", 51],
  ["CFGScale", 1.05],
  ["confidence", 1.01],
  ["maskBlur", 101],
  ["maskBlur", 0.5],
  ["maskPadding", 21],
  ["steps", 0],
  ["steps", 101],
  ["strength", 1.1],
])("%s %d is refused by its name", (key, value) => {
  expect(() => settings({ [key]: value })).toThrow(key);
});

test("the LoRAs of the image and their noise levels apply; its ControlNets and cache do not", () => {
  const styled = { loras: [{ file: "neon.safetensors", weight: 0.5 }], schedule: { shift_terminal: null } };
  const cache = { kind: "fbCache", threshold: 0.1 } as const;
  expect(refinementOf(settings({}), { ...picture, ...styled, cache, controls: [] }, 7n)).toEqual({
    ...refinementOf(settings({}), picture, 7n),
    ...styled,
  });
});

test("a face runs the last strength · steps of its steps, at least one; none with strength 0", () => {
  const count = (steps: number, strength: number) => stepsPerFace(settings({ steps, strength }));
  expect([count(20, 0.3), count(20, 0.01), count(10, 1), count(20, 0)]).toEqual([6, 1, 10, 0]);
});
