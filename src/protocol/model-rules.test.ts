import { describe, expect, test } from "vitest";
import { accepted, IMAGE, task } from "../../test/support/checked-tasks.ts";
import type { ImageInferenceTask } from "./image-inference.ts";
import { modelErrors, refusalFor, withModelDefaults } from "./model-rules.ts";
import { parseTask } from "./task.ts";

const none = { min: 0, max: 0 };
const one = { min: 1, max: 1 };
const three = { min: 1, max: 3 };
const images = (count: number) => ({ inputs: { referenceImages: Array(count).fill(IMAGE) } });
const controlNet = [{ model: "a:1@1", guideImage: IMAGE }];

describe("requirements of a model", () => {
  test.each([
    [{}, none, []],
    [images(1), none, ["unsupportedParameter inputs.referenceImages"]],
    [{}, one, ["missingReferenceImages inputs.referenceImages"]],
    [images(1), one, []],
    [images(2), one, ["invalidReferenceImages inputs.referenceImages"]],
    [images(3), three, []],
    [{ ...images(1), controlNet }, three, ["incompatibleParameters controlNet,model"]],
    [{ controlNet }, none, []],
  ])("%j for a model that takes %j", (changes, references, errors) => {
    const found = modelErrors(accepted(changes), references);
    expect(found.map(({ code, facts }) => `${code} ${facts.parameter}`)).toEqual(errors);
  });
});

describe("the first missing parameter of a refused task, once its model is known", () => {
  const open = { width: undefined, height: undefined };
  test.each([
    [open, one, ["missingReferenceImages inputs.referenceImages"]],
    [{ ...open, width: 512 }, one, ["missingReferenceImages inputs.referenceImages", "missingHeight height"]],
    [{ ...open, steps: 0 }, three, ["missingReferenceImages inputs.referenceImages", "invalidSteps steps"]],
    [{ ...open, steps: 0, inputs: { references: [IMAGE] } }, three, ["invalidSteps steps"]],
    [open, none, ["missingWidth width", "missingHeight height"]],
  ])("%j for a model that takes %j", (changes, references, errors) => {
    const parsed = parseTask(task(changes));
    const found = parsed.ok ? [] : refusalFor(parsed, () => references);
    expect(found.map(({ code, facts }) => `${code} ${facts.parameter}`)).toEqual(errors);
  });
});

describe("defaults from the model", () => {
  const filled = (changes: object) =>
    withModelDefaults(
      parseTask(task(changes)),
      (air) => ({ "runware:108@1": { steps: 30, CFGScale: 4 } })[air],
      (air) => ({ "fast:4@1": { steps: 4, CFGScale: 1 }, "fast:8@1": { steps: 8 }, "plain:1@1": {} })[air],
    );
  const lora = (...airs: [model: string, weight?: number][]) => ({
    lora: airs.map(([model, weight]) => ({ model, weight })),
  });

  test.each([
    ["the model's steps", {}, 30, undefined],
    ["nothing of an unknown model", { model: "other:1@1" }, 20, undefined],
    ["not what the task says itself", { steps: 12, CFGScale: 3, ...lora(["fast:4@1"]) }, 12, 3],
    ["a distilled LoRA's steps and guidance", lora(["fast:4@1"]), 4, 1],
    ["the first distilled LoRA's", lora(["plain:1@1"], ["fast:8@1"], ["fast:4@1"]), 8, undefined],
    ["not a LoRA's that is off", lora(["fast:4@1", 0]), 30, undefined],
    ["no guidance beside the true one", { ...lora(["fast:4@1"]), settings: { trueCFGScale: 2 } }, 4, undefined],
    ["null is left open", { steps: null, CFGScale: null, ...lora(["fast:4@1"]) }, 4, 1],
  ])("%s", (_, changes, steps, CFGScale) => {
    const item = filled(changes);
    expect(item).toMatchObject({ ok: true, raw: task(changes) });
    const { task: read } = item as { task: ImageInferenceTask };
    expect([read.steps, read.CFGScale]).toEqual([steps, CFGScale]);
  });

  test("rules about steps use the default", () => {
    const controls = (endStep: number) => ({
      controlNet: [{ model: "a:1@1", guideImage: IMAGE, startStep: 1, endStep }],
    });
    expect(filled(controls(25)).ok).toBe(true);
    expect(filled({ ...controls(5), ...lora(["fast:4@1"]) })).toMatchObject({
      ok: false,
      errors: [{ facts: { parameter: "controlNet.0.endStep" } }],
    });
  });

  test("other tasks and invalid ones stay unchanged", () => {
    for (const given of [{ taskType: "ping" }, 3, {}]) {
      const item = parseTask(given);
      expect(
        withModelDefaults(
          item,
          () => ({ steps: 2 }),
          () => undefined,
        ),
      ).toBe(item);
    }
  });
});
