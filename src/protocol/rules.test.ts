import { describe, expect, test } from "vitest";
import { IMAGE, refused } from "../../test/support/checked-tasks.ts";

describe("rules", () => {
  test.each([
    [{ inputs: { maskImage: IMAGE } }, ["missingSeedImage inputs.seedImage"]],
    [{ width: undefined, height: undefined }, ["missingWidth width", "missingHeight height"]],
    [{ width: undefined, height: undefined, inputs: { referenceImages: [IMAGE] } }, []],
    [{ width: undefined, inputs: { referenceImages: [IMAGE] } }, ["missingWidth width"]],
    [{ inputs: { strength: 0.5 } }, ["missingSeedImage inputs.seedImage"]],
    [{ outpaint: { top: 64 } }, ["missingSeedImage inputs.seedImage"]],
    [{ maskMargin: 64, inputs: { seedImage: IMAGE } }, ["missingMaskImage inputs.maskImage"]],
    [
      { inputs: { seedImage: IMAGE, maskImage: IMAGE }, outpaint: { top: 64 } },
      ["incompatibleParameters outpaint,inputs.maskImage"],
    ],
    [
      { acceleratorOptions: { cacheStartStep: 1, cacheStartStepPercentage: 5 } },
      ["incompatibleParameters acceleratorOptions.cacheStartStep,acceleratorOptions.cacheStartStepPercentage"],
    ],
    [
      { acceleratorOptions: { cacheEndStep: 5, cacheEndStepPercentage: 50 } },
      ["incompatibleParameters acceleratorOptions.cacheEndStep,acceleratorOptions.cacheEndStepPercentage"],
    ],
    [
      { acceleratorOptions: { cacheEndStep: 21 } },
      ["invalidAcceleratorOptionsCacheEndStep acceleratorOptions.cacheEndStep"],
    ],
    [
      { acceleratorOptions: { cacheStartStep: 5, cacheEndStep: 5 } },
      ["invalidAcceleratorOptionsCacheStartStep acceleratorOptions.cacheStartStep"],
    ],
    [
      { acceleratorOptions: { cacheStartStepPercentage: 50, cacheEndStepPercentage: 50 } },
      ["invalidAcceleratorOptionsCacheStartStepPercentage acceleratorOptions.cacheStartStepPercentage"],
    ],
    [
      { acceleratorOptions: { cacheStartStepPercentage: 50, cacheEndStep: 10 } },
      ["invalidAcceleratorOptionsCacheStartStepPercentage acceleratorOptions.cacheStartStepPercentage"],
    ],
    [{ acceleratorOptions: { cacheStartStep: 4, cacheEndStepPercentage: 50 } }, []],
    [{ acceleratorOptions: { cacheStartStepPercentage: 1, cacheEndStepPercentage: 2 } }, []],
  ])("%j", (changes, errors) => expect(refused(changes)).toEqual(errors));

  test("each ControlNet is checked separately", () => {
    const item = { model: "a:1@1", guideImage: IMAGE };
    expect(
      refused({
        controlNet: [
          { ...item, startStep: 0, endStep: 20 },
          { ...item, startStep: 20 },
          { ...item, endStep: 99 },
        ],
      }),
    ).toEqual(["invalidControlNetStartStep controlNet.1.startStep", "invalidControlNetEndStep controlNet.2.endStep"]);
  });
  test("lists contain at least one item", () => {
    expect(refused({ lora: [], controlNet: [] })).toEqual(["invalidLora lora", "invalidControlNet controlNet"]);
  });
});
