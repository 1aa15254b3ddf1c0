import { expect, test } from "vitest";
import { parseTask } from "./index.ts";

const IMAGE = "c64351d5-4c59-42f7-95e1-eace013eddab";
const newer = (model: string, changes: object = {}) =>
  parseTask({ taskType: "controlNetPreprocess", taskUUID: IMAGE, model, inputs: { image: IMAGE }, ...changes });

test("the newer form: preprocessor in `model`, thresholds in `settings`", () => {
  expect(
    newer("runware:controlnet-preprocess@canny", { settings: { lowThresholdCanny: 50, highThresholdCanny: 150 } }),
  ).toMatchObject({ ok: true, task: { preProcessorType: "canny", lowThresholdCanny: 50, highThresholdCanny: 150 } });
  expect(newer("runware:controlnet-preprocess@openpose")).toMatchObject({
    ok: false,
    errors: [{ code: "unsupportedPreProcessorType" }],
  });
});

test("an unavailable name with a hyphen is reported as unavailable, not as missing", () => {
  expect(newer("runware:controlnet-preprocess@lineart-anime")).toMatchObject({
    ok: false,
    errors: [{ code: "unsupportedPreProcessorType", facts: { parameter: "preProcessorType" } }],
  });
});

test("a setting that no preprocessor has is refused", () => {
  expect(newer("runware:controlnet-preprocess@canny", { settings: { blur: 1 } })).toMatchObject({
    ok: false,
    errors: [{ code: "unsupportedParameter" }],
  });
});
