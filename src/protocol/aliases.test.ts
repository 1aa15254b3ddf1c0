import { describe, expect, test } from "vitest";
import { accepted, IMAGE, refused } from "../../test/support/checked-tasks.ts";

describe("other spellings", () => {
  test.each([
    [
      { seedImage: IMAGE, maskImage: IMAGE, strength: 0 },
      { inputs: { seedImage: IMAGE, maskImage: IMAGE, strength: 0 } },
    ],
    [{ trueCFGScale: 3 }, { settings: { trueCFGScale: 3 } }],
    [{ ultralytics: { steps: 5 } }, { advancedFeatures: { ultralytics: { steps: 5 } } }],
    [{ checkNSFW: true }, { safety: { mode: "fast" } }],
    [{ acceleratorOptions: { fbcache: true } }, { acceleratorOptions: { fbCache: true } }],
    [{ referenceImages: [IMAGE] }, { inputs: { referenceImages: [IMAGE] } }],
    [{ inputs: { references: [IMAGE, { image: IMAGE }] } }, { inputs: { referenceImages: [IMAGE, IMAGE] } }],
    [{ model: "alibaba-qwen-image-edit-2511" }, { model: "alibaba:qwen-image-edit@2511" }],
  ])("%j is %j", (given, meant) => expect(accepted(given)).toMatchObject(meant));

  test("both spellings, if they agree", () => {
    expect(accepted({ seedImage: IMAGE, inputs: { seedImage: IMAGE } }).inputs).toEqual({ seedImage: IMAGE });
    expect(refused({ strength: 0.1, inputs: { seedImage: IMAGE, strength: 0.2 } })).toEqual([
      "incompatibleParameters inputs.strength,strength",
    ]);
    expect(refused({ acceleratorOptions: { fbcache: true, fbCache: false } })).toHaveLength(1);
    expect(refused({ inputs: { references: [IMAGE], referenceImages: [IMAGE, IMAGE] } })).toEqual([
      "incompatibleParameters inputs.referenceImages,inputs.references",
    ]);
  });
  test("an error names the spelling of the caller", () => {
    expect(refused({ referenceImages: [IMAGE, "cat"] })).toEqual(["invalidReferenceImages referenceImages.1"]);
    expect(refused({ referenceImages: [IMAGE, IMAGE, IMAGE, IMAGE] })).toEqual([
      "invalidReferenceImages referenceImages",
    ]);
    expect(refused({ seedImage: "cat", acceleratorOptions: { fbcache: 5 } })).toEqual([
      "invalidSeedImage seedImage",
      "invalidAcceleratorOptionsFbCache acceleratorOptions.fbcache",
    ]);
  });
  test("keys of other models, with neutral values", () => {
    expect(refused({ clipSkip: 0, promptWeighting: "", usePromptWeighting: false, checkNSFW: false })).toEqual([]);
    expect(refused({ clipSkip: 2, promptWeighting: "compel" })).toHaveLength(2);
  });
  test("nulls, as sent by the Python client", () => {
    expect(
      accepted({
        seed: null,
        controlNet: [{ model: "a:1@1", guideImage: IMAGE, startStep: null, endStep: null, controlMode: null }],
      }).controlNet![0],
    ).toEqual({ model: "a:1@1", guideImage: IMAGE, weight: 1, controlMode: "balanced" });
  });
});
