import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { accepted, IMAGE, refused, task } from "../../test/support/checked-tasks.ts";

describe("defaults", () => {
  test("are those of the API's documentation", () => {
    expect(accepted({})).toEqual({
      ...task(),
      steps: 20,
      scheduler: "Default",
      numberResults: 1,
      outputType: ["URL"],
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
  ["width", 128, 2048, 8],
  ["height", 128, 2048, 8],
  ["steps", 1, 100, 1],
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
  ["advancedFeatures.ultralytics.inpaintSize", 128, 2048, 1],
  ["advancedFeatures.ultralytics.strength", 0, 1, 0.01],
];

describe.each(NUMBERS)("%s from %d to %s in steps of %d", (path, min, max, step) => {
  const refusedValue = (value: unknown) =>
    refused(withValue(path, value))
      .join()
      .includes(`${path.split(".").at(-1)}`);
  test("accepts both ends and refuses values beyond them", () => {
    for (const value of [min, max].filter((end) => end !== undefined)) expect(refusedValue(value)).toBe(false);
    expect(refusedValue(min - step)).toBe(true);
    if (max !== undefined) expect(refusedValue(max + step)).toBe(true);
  });
  test("values between steps, in quotes, or of another type", () => {
    for (const value of [min + step / 2, String(min), true, [min], {}, "NaN"]) expect(refusedValue(value)).toBe(true);
  });
  test("null counts as absent", () => {
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
  test("checkContent means fast; mode has precedence", () => {
    expect(accepted({ safety: { checkContent: true } }).safety).toEqual({ checkContent: true, mode: "fast" });
    expect(accepted({ safety: { checkContent: true, mode: "none" } }).safety).toEqual({
      checkContent: false,
      mode: "none",
    });
  });
  test("prompts: 1 to 32000 characters", () => {
    expect(refused({ positivePrompt: "" })).toEqual(["invalidPositivePrompt positivePrompt"]);
    expect(refused({ positivePrompt: "x".repeat(32_000), negativePrompt: "x".repeat(32_000) })).toEqual([]);
    expect(refused({ positivePrompt: "x".repeat(32_001), negativePrompt: "x".repeat(32_001) })).toEqual([
      "invalidPositivePrompt positivePrompt",
      "invalidNegativePrompt negativePrompt",
    ]);
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
    `data:application/octet-stream;base64,${base64}`,
    `data:;base64,${base64}`,
    `data:image/png;name=a.png;charset=utf-8;base64,${base64}`,
    ` data:image/jpeg;base64, ${base64}`,
    ` \n${base64}`,
    `DATA:image/JPEG;base64,${base64}`,
    `data:application/octet-stream;base64,${base64}`,
    `data:image/avif;name=a.avif;base64,${base64}`,
    `data:;base64,${base64}`,
  ])("%s", (seedImage) => expect(refused({ inputs: { seedImage } })).toEqual([]));
  test.each([
    "",
    "cat",
    "https://",
    "https://user:secret@example.com/",
    "ftp://example.com/a.png",
    `data:text/html,${base64}`,
    "data:image/png,abc",
    `${base64}!`,
    "C:\\pictures\\cat.png",
  ])("%j is refused", (seedImage) =>
    expect(refused({ inputs: { seedImage } })).toEqual(["invalidSeedImage inputs.seedImage"]),
  );
  test("base64 may have line breaks, padding and blanks around it, and nothing else", () => {
    const allowed = /^[A-Za-z0-9+/_\-\r\n]+={0,2}\s*$/;
    const letters = fc.constantFrom("A", "z", "9", "+", "/", "_", "-", "=", "\r", "\n", " ", "\t", "\u2028", "!", ":");
    const tails = fc.string({ unit: letters, maxLength: 6 });
    fc.assert(
      fc.property(tails, tails, fc.constantFrom("A", "\n", "=", " "), (head, tail, filling) => {
        const seedImage = head + filling.repeat(32) + tail;
        const payload = seedImage.trimStart();
        const right = payload.length >= 32 && allowed.test(payload);
        expect(refused({ inputs: { seedImage } }).length === 0).toBe(right);
      }),
      { numRuns: 1000 },
    );
  });
  test("very many lines are refused at once, whatever follows", () => {
    const lines = "\n".repeat(500_000);
    for (const seedImage of [`AAAA${lines}!`, `AAAA${lines}===`, `AAAA=${lines}${" ".repeat(500_000)}=`]) {
      expect(refused({ inputs: { seedImage } })).toEqual(["invalidSeedImage inputs.seedImage"]);
    }
  });
});

describe("requests of current clients", () => {
  test("sizes in steps of 8, a hundred steps, an empty negative prompt, routing", () => {
    expect(
      refused({ width: 264, height: 1352, steps: 100, negativePrompt: "", routing: { acceleration: "x" } }),
    ).toEqual([]);
    expect(accepted({ negativePrompt: "" }).negativePrompt).toBeUndefined();
    expect(refused({ routing: "fast" })).toEqual(["invalidRouting routing"]);
  });

  test("two caches at once are refused", () => {
    expect(refused({ acceleratorOptions: { teaCache: true, dbCache: true } })).toEqual([
      "incompatibleParameters acceleratorOptions.teaCache,acceleratorOptions.dbCache",
    ]);
    expect(refused({ acceleratorOptions: { teaCache: true, fbCache: false } })).toEqual([]);
  });

  test("strength, ultralytics and outpaint on a few sides", () => {
    const { inputs, advancedFeatures } = accepted({ seedImage: IMAGE, strength: 0.6, ultralytics: { steps: 5 } });
    expect([inputs?.strength, advancedFeatures?.ultralytics?.steps]).toEqual([0.6, 5]);
    expect(accepted({ seedImage: IMAGE, outpaint: { top: 64, blur: 8 } }).outpaint).toEqual({
      top: 64,
      right: 0,
      bottom: 0,
      left: 0,
      blur: 8,
    });
  });
});
