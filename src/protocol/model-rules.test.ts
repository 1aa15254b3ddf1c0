import { describe, expect, test } from "vitest";
import { accepted, IMAGE } from "../../test/support/checked-tasks.ts";
import { modelErrors } from "./model-rules.ts";

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
