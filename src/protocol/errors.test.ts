/** Every code of the catalogue is raised somewhere, by a test as well, and described. */

import { glob, readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { asMarkdown } from "../../docs/generate/blocks.ts";
import { allCodes, errorReference } from "../../docs/generate/errors.ts";
import { ERRORS, errorKind, invalidCode, missingCode } from "./errors.ts";
import { parseTask, TASK_SCHEMAS, type TaskType } from "./index.ts";
import { parametersOf } from "./task.ts";

const IMAGE = "c64351d5-4c59-42f7-95e1-eace013eddab";

const sources = new Map<string, string>();
for await (const path of glob(["src/**/*.ts", "test/**/*.ts"])) sources.set(path, await readFile(path, "utf8"));
const mentions = (code: string, among: (path: string) => boolean) =>
  [...sources].some(([path, text]) => among(path) && new RegExp(`["'\`]${code}\\b`).test(text));

const isTest = (path: string) => path.endsWith(".test.ts");
const isSource = (path: string) => path.startsWith("src/") && !isTest(path) && !path.endsWith("protocol/errors.ts");

test.each(Object.keys(ERRORS))("a test provokes %s", (code) => {
  expect(mentions(code, isSource)).toBe(true);
  expect(mentions(code, isTest)).toBe(true);
});

test("no error has a code outside the catalogue", () => {
  const raised = [...sources]
    .filter(([path]) => isSource(path))
    .flatMap(([, text]) => [...text.matchAll(/new TaskError\(\s*["'](\w+)["']/g)].map(([, code]) => code!));
  expect(raised.length).toBeGreaterThan(10);
  for (const code of raised) expect(allCodes()).toContain(code);
});

test("every code has a description", () => {
  const page = asMarkdown(errorReference());
  for (const code of allCodes()) expect(page).toContain(`\`${code}\``);
});

test("statuses that invite a retry are used only where a retry makes sense", () => {
  const inviting = Object.keys(ERRORS).filter((code) =>
    [408, 429, 500, 502, 503, 504].includes(errorKind(code as "notFound").status),
  );
  expect(inviting.sort()).toEqual([
    "engineTimeout",
    "inferenceError",
    "internalServerError",
    "modelUnavailable",
    "quotaExceeded",
    "rateLimitExceeded",
    "requestTimeout",
    "serviceUnavailable",
    "syncTimeout",
  ]);
});

/** A task of each type that holds, with every group in it. */
const VALID: Readonly<Record<TaskType, Record<string, unknown>>> = {
  authentication: { apiKey: "k", connectionSessionUUID: IMAGE },
  ping: { ping: true },
  imageInference: {
    model: "runware:108@1",
    positivePrompt: "a cat",
    width: 512,
    height: 512,
    inputs: { seedImage: IMAGE, maskImage: IMAGE },
    outpaint: { top: 0 },
    safety: {},
    lora: [{ model: "a:1@1" }],
    controlNet: [{ model: "a:1@1", guideImage: IMAGE }],
    acceleratorOptions: {},
    settings: {},
    advancedFeatures: { ultralytics: {}, watermark: { text: "ink" } },
  },
  controlNetPreprocess: { inputImage: IMAGE, preProcessorType: "canny" },
  upscale: { inputs: { image: IMAGE } },
  vectorize: { inputs: { image: IMAGE } },
  getResponse: {},
  getTaskDetails: {},
  imageUpload: { image: IMAGE },
  mediaStorage: { operation: "delete", media: IMAGE },
  accountManagement: { operation: "getDetails" },
  modelSearch: {},
  modelUpload: { category: "lora", air: "a:1@1", downloadURL: "http://a.example/", name: "A" },
  watch: {},
};

for (const type of Object.keys(TASK_SCHEMAS) as TaskType[]) {
  const table = [...parametersOf(type).values()].filter(({ path }) => path !== "taskType");
  test.each(table)(`${type}: a wrong $path has its code`, ({ path }) => {
    expect(codesWith(type, path, [[]])).toContain(invalidCode(path));
  });
  test.each(table.filter(({ required }) => required))(`${type}: a missing $path has its code`, ({ path }) => {
    expect(codesWith(type, path, undefined)).toContain(missingCode(path));
  });
}

function codesWith(type: TaskType, path: string, value: unknown): string[] {
  const task = structuredClone({ taskType: type, taskUUID: IMAGE, ...VALID[type] }) as Record<string, unknown>;
  const parts = path.split(".");
  let place = task;
  for (const part of parts.slice(0, -1)) {
    const next = place[part];
    place = (Array.isArray(next) ? next[0] : next) as Record<string, unknown>;
  }
  place[parts.at(-1)!] = value;
  const parsed = parseTask(task);
  return parsed.ok ? [] : parsed.errors.map(({ code }) => code);
}

test.each([
  ["removeBackground", "Inkstone has no freely licensed weights for background removal"],
  ["imageBackgroundRemoval", "Remove the background with another program"],
  ["caption", "Inkstone has no network that describes images"],
  ["imageCaption", "Write the text yourself"],
  ["promptEnhance", "no language model"],
  ["imageMasking", "Inkstone does not make masks"],
])("%s is refused with advice", (taskType, sentence) => {
  const parsed = parseTask({ taskType, taskUUID: IMAGE });
  expect(parsed).toMatchObject({ ok: false, errors: [{ code: "unsupportedTaskType" }] });
  if (!parsed.ok) expect(parsed.errors[0].message).toContain(sentence);
});
