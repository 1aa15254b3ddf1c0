import { expect, test } from "vitest";
import { type ImageInferenceTask, parseTask } from "../protocol/index.ts";
import { pictureRecord } from "./record.ts";

function task(more: object): ImageInferenceTask {
  const base = { taskType: "imageInference", taskUUID: "ddf77178-639c-48d8-9827-501a20948cf7", model: "runware:108@1" };
  const parsed = parseTask({ ...base, positivePrompt: "a sign", width: 256, height: 256, ...more });
  if (!parsed.ok) throw parsed.errors[0];
  return parsed.task as ImageInferenceTask;
}

const nano = { air: "inkstone:nano@1", defaults: { CFGScale: 4 } };

test("is a task that reproduces the image, without the parameters of delivery", () => {
  const delivered = { numberResults: 4, ttl: 60, webhookURL: "https://example.org/hook", includeCost: true };
  const record = pictureRecord(task({ seed: 7, steps: 9, ...delivered }), nano, 9n);
  expect(record).toEqual({
    taskType: "imageInference",
    model: "inkstone:nano@1",
    positivePrompt: "a sign",
    width: 256,
    height: 256,
    seed: 9n,
    steps: 9,
    scheduler: "Default",
    CFGScale: 4,
    outputFormat: "JPG",
    outputQuality: 95,
  });
});

test("true CFG is recorded alone, because it overrides CFGScale", () => {
  const record = pictureRecord(task({ settings: { trueCFGScale: 2 } }), nano, 1n);
  expect(record).toMatchObject({ settings: { trueCFGScale: 2 } });
  expect(record).not.toHaveProperty("CFGScale");
});

test("names input images by their hash", () => {
  const seedImage = `data:image/png;base64,${"iVBORw0KGgo".repeat(500)}`;
  const record = pictureRecord(task({ inputs: { seedImage, strength: 0.5 } }), nano, 1n);
  expect(record.inputs).toEqual({ seedImage: expect.stringMatching(/^sha256:[0-9a-f]{64}$/), strength: 0.5 });
});
