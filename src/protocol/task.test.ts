import { describe, expect, test } from "vitest";
import { type Capabilities, FEATURES } from "./capabilities.ts";
import { type ImageInferenceTask, parseJson, parseTask, SCHEDULERS, stringifyJson } from "./index.ts";
import { errorItem } from "./task-error.ts";

const EVERYTHING: Capabilities = { features: FEATURES };
const IMAGE = "c64351d5-4c59-42f7-95e1-eace013eddab";

const task = (changes: object = {}) => ({
  taskType: "imageInference",
  taskUUID: "a770f077-f413-47de-9dac-be0b26a35da6",
  model: "runware:108@1",
  positivePrompt: "a cat",
  width: 512,
  height: 512,
  ...changes,
});

const accepted = (changes: object): ImageInferenceTask => {
  const parsed = parseTask(task(changes), EVERYTHING);
  if (!parsed.ok) throw parsed.errors[0];
  return parsed.task as ImageInferenceTask;
};

const refused = (changes: object, capabilities = EVERYTHING) => {
  const parsed = parseTask(task(changes), capabilities);
  return parsed.ok ? [] : parsed.errors.map((error) => `${error.code} ${error.facts.parameter}`);
};

describe("defaults", () => {
  test("are those of the page", () => {
    expect(accepted({})).toEqual({
      ...task(),
      steps: 20,
      scheduler: "Default",
      numberResults: 1,
      outputType: "URL",
      outputFormat: "JPG",
      outputQuality: 95,
      deliveryMethod: "sync",
      includeCost: false,
    });
    const { lora, controlNet, acceleratorOptions, advancedFeatures } = accepted({
      lora: [{ model: "a:1@1" }],
      controlNet: [{ model: "a:1@1", guideImage: IMAGE }],
      acceleratorOptions: {},
      advancedFeatures: { ultralytics: {} },
    });
    expect(lora).toEqual([{ model: "a:1@1", weight: 1, transformer: "both" }]);
    expect(controlNet).toEqual([{ model: "a:1@1", guideImage: IMAGE, weight: 1, controlMode: "balanced" }]);
    expect(acceleratorOptions).toEqual({
      teaCache: false,
      teaCacheDistance: 0.5,
      fbCache: false,
      fbCacheThreshold: 0.25,
      dbCache: false,
      dbCacheThreshold: 0.25,
      dbCacheSkipInterval: 5,
      cacheMaxConsecutiveSteps: 3,
    });
    expect(advancedFeatures!.ultralytics).toEqual({
      CFGScale: 8,
      confidence: 0.9,
      maskBlur: 5,
      maskPadding: 5,
      steps: 20,
      strength: 0.3,
    });
  });
});

/** path, lowest, highest, step: the numbers of the API page. */
const NUMBERS: ReadonlyArray<readonly [path: string, min: number, max: number | undefined, step: number]> = [
  ["width", 128, 2048, 16],
  ["height", 128, 2048, 16],
  ["steps", 1, 50, 1],
  ["seed", 0, undefined, 1],
  ["CFGScale", 1, 20, 0.01],
  ["numberResults", 1, 20, 1],
  ["outputQuality", 20, 99, 1],
  ["ttl", 60, undefined, 1],
  ["maskMargin", 32, 128, 1],
  ["inputs.strength", 0, 1, 0.01],
  ["outpaint.top", 0, undefined, 1],
  ["outpaint.right", 0, undefined, 1],
  ["outpaint.bottom", 0, undefined, 1],
  ["outpaint.left", 0, undefined, 1],
  ["lora.weight", -4, 4, 0.01],
  ["controlNet.weight", -4, 4, 0.01],
  ["controlNet.startStep", 0, undefined, 1],
  ["controlNet.endStep", 1, undefined, 1],
  ["controlNet.startStepPercentage", 0, 99, 1],
  ["controlNet.endStepPercentage", 1, 100, 1],
  ["acceleratorOptions.teaCacheDistance", 0, 1, 0.01],
  ["acceleratorOptions.fbCacheThreshold", 0, 1, 0.01],
  ["acceleratorOptions.dbCacheThreshold", 0, 1, 0.01],
  ["acceleratorOptions.dbCacheSkipInterval", 1, undefined, 1],
  ["acceleratorOptions.cacheStartStep", 0, undefined, 1],
  ["acceleratorOptions.cacheEndStep", 1, undefined, 1],
  ["acceleratorOptions.cacheStartStepPercentage", 0, 99, 1],
  ["acceleratorOptions.cacheEndStepPercentage", 1, 100, 1],
  ["acceleratorOptions.cacheMaxConsecutiveSteps", 1, 5, 1],
  ["advancedFeatures.ultralytics.CFGScale", 0, 50, 0.1],
  ["advancedFeatures.ultralytics.confidence", 0, 1, 0.01],
  ["advancedFeatures.ultralytics.maskBlur", 0, 100, 1],
  ["advancedFeatures.ultralytics.maskPadding", 0, 20, 1],
  ["advancedFeatures.ultralytics.steps", 1, 100, 1],
  ["advancedFeatures.ultralytics.strength", 0, 1, 0.01],
];

describe.each(NUMBERS)("%s from %d to %s in steps of %d", (path, min, max, step) => {
  const refusedValue = (value: unknown) =>
    refused(withValue(path, value))
      .join()
      .includes(`${path.split(".").at(-1)}`);
  test("its ends are allowed, what lies beyond is not", () => {
    for (const value of [min, max].filter((end) => end !== undefined)) expect(refusedValue(value)).toBe(false);
    expect(refusedValue(min - step)).toBe(true);
    if (max !== undefined) expect(refusedValue(max + step)).toBe(true);
  });
  test("between steps, in quotes, or no number at all", () => {
    for (const value of [min + step / 2, String(min), true, [min], {}, "NaN"]) expect(refusedValue(value)).toBe(true);
  });
  test("null is absent", () => {
    const required = path === "width" || path === "height";
    expect(refusedValue(null)).toBe(required);
  });
});

/** A task with one value somewhere, and whatever that value needs around it. */
function withValue(path: string, value: unknown): object {
  const [group, ...rest] = path.split(".");
  const nested = rest.reduceRight((inner: unknown, key) => ({ [key]: inner }), value);
  const around = {
    steps: 50,
    inputs: { seedImage: IMAGE, maskImage: IMAGE },
  };
  if (group === "lora") return { lora: [{ model: "a:1@1", ...(nested as object) }] };
  if (group === "controlNet") {
    return { ...around, controlNet: [{ model: "a:1@1", guideImage: IMAGE, ...(nested as object) }] };
  }
  if (group === "inputs") return { inputs: { ...around.inputs, ...(nested as object) } };
  if (group === "outpaint") return { inputs: { seedImage: IMAGE }, outpaint: nested };
  return { ...around, [group!]: nested };
}

describe("words", () => {
  test.each([
    ["outputType", ["URL", "base64Data", "dataURI"]],
    ["outputFormat", ["JPG", "PNG", "WEBP"]],
    ["deliveryMethod", ["sync", "async"]],
  ])("%s", (name, values) => {
    for (const value of values) expect(accepted({ [name]: value })).toMatchObject({ [name]: value });
    expect(refused({ [name]: "other" })).toHaveLength(1);
  });
  test("safety.mode, lora.transformer, controlMode", () => {
    for (const mode of ["none", "fast"]) expect(accepted({ safety: { mode } }).safety).toMatchObject({ mode });
    expect(refused({ safety: { mode: "full" } })).toEqual(["invalidSafetyMode safety.mode"]);
    for (const transformer of ["high", "low", "both"]) accepted({ lora: [{ model: "a:1@1", transformer }] });
    for (const controlMode of ["balanced", "controlnet", "prompt"]) {
      accepted({ controlNet: [{ model: "a:1@1", guideImage: IMAGE, controlMode }] });
    }
  });
  test("output formats in any letter case", () => {
    expect(accepted({ outputFormat: "webp" }).outputFormat).toBe("WEBP");
  });
  test("checkContent means fast; mode wins", () => {
    expect(accepted({ safety: { checkContent: true } }).safety).toEqual({ checkContent: true, mode: "fast" });
    expect(accepted({ safety: { checkContent: true, mode: "none" } }).safety).toEqual({
      checkContent: false,
      mode: "none",
    });
  });
  test("prompts: 1 to 32000 characters", () => {
    expect(refused({ positivePrompt: "" })).toEqual(["invalidPositivePrompt positivePrompt"]);
    expect(refused({ positivePrompt: "x".repeat(32_000), negativePrompt: "x".repeat(32_000) })).toEqual([]);
    expect(refused({ positivePrompt: "x".repeat(32_001), negativePrompt: "" })).toEqual([
      "invalidPositivePrompt positivePrompt",
      "invalidNegativePrompt negativePrompt",
    ]);
  });
});

describe("schedulers", () => {
  test("75 of them, each once", () => {
    expect(SCHEDULERS).toHaveLength(75);
    expect(new Set(SCHEDULERS.map((name) => name.toLowerCase())).size).toBe(75);
  });
  test.each([
    ["default", "Default"],
    ["dpm++ 2m karras", "DPM++ 2M Karras"],
    ["Euler DiscreteScheduler", "EulerDiscreteScheduler"],
    ["unipcmultistepscheduler", "UniPC"],
  ])("%s is %s", (given, name) => expect(accepted({ scheduler: given }).scheduler).toBe(name));
  test("others are refused with the list", () => {
    const parsed = parseTask(task({ scheduler: "Best" }));
    expect(!parsed.ok && parsed.errors[0].facts.allowedValues).toEqual(SCHEDULERS);
  });
});

describe("seeds", () => {
  test.each(["0", "1", "9007199254740993", "9223372036854775807", "9223372036854776000"])("%s is kept", (seed) => {
    const text = stringifyJson(task()).replace("}", `,"seed":${seed}}`);
    const parsed = parseTask(parseJson(text));
    expect(parsed.ok && (parsed.task as ImageInferenceTask).seed).toBe(BigInt(seed));
    expect(stringifyJson(parsed.ok && parsed.raw)).toBe(text);
  });
  test.each(["-1", "9223372036854776001", "99999999999999999999999", "1.5", "1e30"])("%s is refused", (seed) => {
    const parsed = parseTask(parseJson(stringifyJson(task()).replace("}", `,"seed":${seed}}`)));
    expect(!parsed.ok && parsed.errors[0].code).toBe("invalidSeed");
  });
});

describe("images", () => {
  const base64 = Buffer.alloc(60, 9).toString("base64");
  test.each([
    IMAGE,
    IMAGE.toUpperCase(),
    "https://example.com/a.png?x=1",
    "http://10.0.0.1/a",
    base64,
    `data:image/png;base64,${base64}`,
    `DATA:image/JPEG;base64,${base64}`,
  ])("%s", (seedImage) => expect(refused({ inputs: { seedImage } })).toEqual([]));
  test.each([
    "",
    "cat",
    "https://",
    "https://user:secret@example.com/",
    "ftp://example.com/a.png",
    `data:text/html;base64,${base64}`,
    "data:image/png,abc",
    `${base64}!`,
    "C:\\pictures\\cat.png",
  ])("not %j", (seedImage) =>
    expect(refused({ inputs: { seedImage } })).toEqual(["invalidSeedImage inputs.seedImage"]),
  );
});

describe("rules", () => {
  test.each([
    [{ inputs: { maskImage: IMAGE } }, ["missingSeedImage inputs.seedImage"]],
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

  test("each ControlNet for itself", () => {
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
  test("lists hold at least one item", () => {
    expect(refused({ lora: [], controlNet: [] })).toEqual(["invalidLora lora", "invalidControlNet controlNet"]);
  });
});

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
  ])("%j is %j", (given, meant) => expect(accepted(given)).toMatchObject(meant));

  test("both, when they agree", () => {
    expect(accepted({ seedImage: IMAGE, inputs: { seedImage: IMAGE } }).inputs).toEqual({ seedImage: IMAGE });
    expect(refused({ strength: 0.1, inputs: { seedImage: IMAGE, strength: 0.2 } })).toEqual([
      "incompatibleParameters inputs.strength,strength",
    ]);
    expect(refused({ acceleratorOptions: { fbcache: true, fbCache: false } })).toHaveLength(1);
  });
  test("an error names what the caller wrote", () => {
    expect(refused({ seedImage: "cat", acceleratorOptions: { fbcache: 5 } })).toEqual([
      "invalidSeedImage seedImage",
      "invalidAcceleratorOptionsFbCache acceleratorOptions.fbcache",
    ]);
  });
  test("keys of other models, with values that mean nothing", () => {
    expect(refused({ clipSkip: 0, promptWeighting: "", usePromptWeighting: false, checkNSFW: false })).toEqual([]);
    expect(refused({ clipSkip: 2, promptWeighting: "compel" })).toHaveLength(2);
  });
  test("nulls, as the Python client sends them", () => {
    expect(
      accepted({
        seed: null,
        controlNet: [{ model: "a:1@1", guideImage: IMAGE, startStep: null, endStep: null, controlMode: null }],
      }).controlNet![0],
    ).toEqual({ model: "a:1@1", guideImage: IMAGE, weight: 1, controlMode: "balanced" });
  });
});

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

test("an error on the wire", () => {
  const parsed = parseTask(task({ width: 100 }));
  expect(!parsed.ok && errorItem(parsed.errors[0].body, parsed.owner, "https://example.com/docs")).toEqual({
    code: "invalidWidth",
    message:
      "Invalid value for 'width' parameter. Width must be an integer value between 128 and 2048, in multiples of '16'. Received: 100.",
    parameter: "width",
    type: "integer",
    documentation: "https://example.com/docs#request-width",
    taskUUID: "a770f077-f413-47de-9dac-be0b26a35da6",
    taskType: "imageInference",
    min: 128,
    max: 2048,
    multiplier: 16,
  });
});

test("keys are not repeated in messages", () => {
  const parsed = parseTask({ taskType: "authentication", apiKey: ["secret-value"] });
  expect(!parsed.ok && parsed.errors[0].message).not.toContain("secret-value");
});
