import { describe, expect, test } from "vitest";
import { IMAGE, refused, task } from "../../test/support/checked-tasks.ts";
import { invalidCode, parseTask, TASK_SCHEMAS, type TaskType } from "./index.ts";
import { parametersOf } from "./task.ts";

describe("text that no database can store", () => {
  test.each(["a\0b", "\ud83d", "\ude00\ud83d"])("%j is refused with its parameter and the reason", (text) => {
    const parsed = parseTask(task({ positivePrompt: text }));
    expect(parsed).toMatchObject({
      ok: false,
      owner: { taskUUID: task().taskUUID },
      errors: [
        {
          code: "invalidPositivePrompt",
          facts: { parameter: "positivePrompt", type: "string" },
          message: expect.stringMatching(
            /Positive prompt must be text without U\+0000 and unpaired surrogates\. It contains U\+(0000|D83D|DE00)\. Received: "/,
          ),
        },
      ],
    });
  });

  test("in every position, with the name from the request", () => {
    const webhookURL = "https://a.example/\ud800";
    const uploadEndpoint = "https://a.example/\0x";
    expect(refused({ webhookURL, uploadEndpoint, negativePrompt: "\udfff" })).toEqual([
      "invalidWebhookURL webhookURL",
      "invalidUploadEndpoint uploadEndpoint",
      "invalidNegativePrompt negativePrompt",
    ]);
    expect(refused({ seedImage: webhookURL })).toEqual(["invalidSeedImage seedImage"]);
    expect(refused({ inputs: { seedImage: webhookURL } })).toEqual(["invalidSeedImage inputs.seedImage"]);
    expect(refused({ ultralytics: { positivePrompt: "\0" } })).toEqual([
      "invalidUltralyticsPositivePrompt ultralytics.positivePrompt",
    ]);
    const item = { model: "a:1@1", guideImage: IMAGE };
    expect(refused({ controlNet: [item, { ...item, guideImage: webhookURL }] })).toEqual([
      "invalidControlNetGuideImage controlNet.1.guideImage",
    ]);
  });

  test("as a key, even of an ignored null", () => {
    expect(refused({ "a\ud800": null })).toEqual(["unsupportedParameter a\ufffd"]);
    expect(refused({ inputs: { seedImage: IMAGE, "\0": null } })).toEqual(["unsupportedParameter inputs.\0"]);
  });

  test("the first of many such keys are reported", () => {
    const keys = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`${i}\0`, null]));
    expect(refused(keys)).toHaveLength(32);
  });

  test("in an image that is given in two ways", () => {
    const preprocess = { taskType: "controlNetPreprocess", taskUUID: IMAGE, preProcessorType: "canny" };
    const read = (changes: object) => parseTask({ ...preprocess, ...changes });
    expect(read({ inputImage: IMAGE, inputs: { image: IMAGE } })).toMatchObject({ ok: true });
    expect(read({ inputImage: IMAGE, inputs: { image: "\0" } })).toMatchObject({
      errors: [{ code: "unsupportedParameter", facts: { parameter: "inputs" } }],
    });
    expect(read({ inputs: { image: "https://a.example/\0" } })).toMatchObject({
      errors: [{ facts: { parameter: "inputs.image" } }],
    });
  });
});

/** A task of each type that has text, with what it must have. */
const VALID: Partial<Record<TaskType, Record<string, unknown>>> = {
  imageInference: task({
    inputs: { seedImage: IMAGE },
    lora: [{ model: "a:1@1" }],
    controlNet: [{ model: "a:1@1", guideImage: IMAGE }],
  }),
  controlNetPreprocess: { inputImage: IMAGE, preProcessorType: "canny" },
  upscale: { inputs: { image: IMAGE } },
  vectorize: { inputs: { image: IMAGE } },
  imageUpload: { image: IMAGE },
  mediaStorage: { operation: "upload", media: IMAGE },
  accountManagement: { operation: "getDetails" },
  modelUpload: { category: "lora", air: "a:1@1", downloadURL: "http://a.example/", name: "A" },
};

test.each(Object.keys(TASK_SCHEMAS) as TaskType[])("no text parameter of %s accepts such text", (type) => {
  const table = parametersOf(type);
  for (const { path, type: kind } of table.values()) {
    if (!kind.startsWith("string") || path === "taskType") continue;
    for (const text of ["\0", "http://a.example/\udc00"]) {
      const given = structuredClone({ taskUUID: IMAGE, ...VALID[type], taskType: type });
      setAt(given, path.split("."), kind === "string[]" ? [text] : text);
      expect(parseTask(given), path).toMatchObject({ ok: false, errors: [{ code: invalidCode(path) }] });
    }
  }
});

function setAt(place: Record<string, unknown>, [key, ...rest]: string[], value: unknown): void {
  if (rest.length > 0) place[key!] ??= {};
  const inner = place[key!];
  if (rest.length === 0) place[key!] = value;
  else setAt((Array.isArray(inner) ? inner[0] : inner) as Record<string, unknown>, rest, value);
}

test("all other text is accepted", () => {
  for (const text of ["😀", "\\u0000", "\\ud800", "\u0001\u007f\ufffe\uffff\u2028", "\u202e"]) {
    expect(refused({ positivePrompt: text })).toEqual([]);
  }
});
