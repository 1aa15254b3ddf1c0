import { expect, test } from "vitest";
import { type ImageInferenceTask, parseTask } from "../../protocol/index.ts";
import { provenance } from "./provenance.ts";

const SEED_IMAGE = "97784197-f610-40a8-9b6c-b62e5b6e2621";
const MASK = "0b4e1f0a-95f5-4a6a-8a0e-6f3c5b6d7e80";
const BYTES = `data:image/png;base64,${"A".repeat(4000)}`;

function task(changes: object): ImageInferenceTask {
  const parsed = parseTask({
    taskType: "imageInference",
    taskUUID: "ddf77178-639c-48d8-9827-501a20948cf7",
    model: "runware:108@1",
    positivePrompt: "a cat",
    width: 256,
    height: 256,
    ...changes,
  });
  if (!parsed.ok) throw parsed.errors[0];
  return parsed.task as ImageInferenceTask;
}
const made = (changes: object, seed = 7n) => {
  const text = provenance(task(changes), seed);
  return { text, parameters: JSON.parse(text) };
};

test("delivery is left out; the seed is that of this image, with all its digits", () => {
  const { text, parameters } = made({ seed: 1, numberResults: 3, ttl: 60, deliveryMethod: "async" }, 2n ** 63n - 1n);
  expect(text).toContain('"seed":9223372036854775807');
  expect(parameters).toMatchObject({ positivePrompt: "a cat", steps: 20 });
  for (const key of ["taskUUID", "numberResults", "ttl", "deliveryMethod"]) expect(parameters).not.toHaveProperty(key);
});

test("stored input images stay", () => {
  const { parameters } = made({ inputs: { seedImage: SEED_IMAGE, maskImage: MASK }, maskMargin: 32 });
  expect(parameters).toMatchObject({ inputs: { seedImage: SEED_IMAGE, maskImage: MASK }, maskMargin: 32 });
});

test("images sent as bytes are left out, with the parameters that need them", () => {
  const { parameters } = made({
    inputs: { seedImage: BYTES, strength: 0.5 },
    controlNet: [{ model: "inkstone:canny@1", guideImage: BYTES }],
  });
  expect(parameters).not.toHaveProperty("inputs");
  expect(parameters).not.toHaveProperty("controlNet");
});
