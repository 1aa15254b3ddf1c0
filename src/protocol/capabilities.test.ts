import { describe, expect, test } from "vitest";
import { IMAGE, refused } from "../../test/support/checked-tasks.ts";
import type { Capabilities } from "./capabilities.ts";

describe("what the engine cannot do", () => {
  const NOTHING: Capabilities = { features: [] };
  test.each([
    [{ inputs: { seedImage: IMAGE } }, ["inputs.seedImage"]],
    [
      { inputs: { seedImage: IMAGE, maskImage: IMAGE }, maskMargin: 32 },
      ["inputs.seedImage", "inputs.maskImage", "maskMargin"],
    ],
    [{ inputs: { seedImage: IMAGE }, outpaint: { top: 16 } }, ["inputs.seedImage", "outpaint"]],
    [{ lora: [{ model: "a:1@1" }] }, ["lora"]],
    [{ controlNet: [{ model: "a:1@1", guideImage: IMAGE }] }, ["controlNet"]],
    [{ acceleratorOptions: { teaCache: true } }, ["acceleratorOptions"]],
    [{ safety: { checkContent: true } }, ["safety"]],
    [{ ultralytics: {} }, ["advancedFeatures.ultralytics"]],
  ])("%j is refused by name", (changes, parameters) => {
    expect(refused(changes, NOTHING)).toEqual(parameters.map((parameter) => `notImplemented ${parameter}`));
  });
  test("what changes nothing is not in its way", () => {
    expect(refused({ safety: { mode: "none" }, acceleratorOptions: { teaCacheDistance: 0.2 } }, NOTHING)).toEqual([]);
  });
});
