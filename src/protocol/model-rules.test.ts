import { describe, expect, test } from "vitest";
import { accepted, IMAGE, task } from "../../test/support/checked-tasks.ts";
import { modelErrors, refusalFor } from "./model-rules.ts";
import { parseTask } from "./task.ts";

const none = { min: 0, max: 0 };
const one = { min: 1, max: 1 };
const three = { min: 1, max: 3 };
const images = (count: number) => ({ inputs: { referenceImages: Array(count).fill(IMAGE) } });
const controlNet = [{ model: "a:1@1", guideImage: IMAGE }];

describe("what a model demands", () => {
  test.each([
    [{}, none, []],
    [images(1), none, ["unsupportedParameter inputs.referenceImages"]],
    [{}, one, ["missingReferenceImages inputs.referenceImages"]],
    [images(1), one, []],
    [images(2), one, ["invalidReferenceImages inputs.referenceImages"]],
    [images(3), three, []],
    [{ ...images(1), controlNet }, three, ["incompatibleParameters controlNet,model"]],
    [{ controlNet }, none, []],
  ])("%j of a model that takes %j", (changes, references, errors) => {
    const found = modelErrors(accepted(changes), references);
    expect(found.map(({ code, facts }) => `${code} ${facts.parameter}`)).toEqual(errors);
  });
});

describe("what a refused task lacks first, once its model is known", () => {
  const open = { width: undefined, height: undefined };
  test.each([
    [open, one, ["missingReferenceImages inputs.referenceImages"]],
    [{ ...open, width: 512 }, one, ["missingReferenceImages inputs.referenceImages", "missingHeight height"]],
    [{ ...open, steps: 0 }, three, ["missingReferenceImages inputs.referenceImages", "invalidSteps steps"]],
    [{ ...open, steps: 0, inputs: { references: [IMAGE] } }, three, ["invalidSteps steps"]],
    [open, none, ["missingWidth width", "missingHeight height"]],
  ])("%j of a model that takes %j", (changes, references, errors) => {
    const parsed = parseTask(task(changes));
    const found = parsed.ok ? [] : refusalFor(parsed, () => references);
    expect(found.map(({ code, facts }) => `${code} ${facts.parameter}`)).toEqual(errors);
  });
});
