/** Whatever is sent, the validator answers: with a task that obeys the page, or with errors of the catalogue. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { allCodes } from "../../docs/generate/errors.ts";
import {
  type ImageInferenceTask,
  parseJson,
  parseRequestJson,
  parseTask,
  readTasks,
  SCHEDULERS,
  stringifyJson,
  TASK_SCHEMAS,
} from "./index.ts";
import { parametersOf } from "./task.ts";

const codes = new Set(allCodes());
const paths = [...parametersOf("imageInference").keys()];
const keys = [...new Set(paths.flatMap((path) => path.split(".")))];

const anything = fc.anything({
  key: fc.oneof(fc.constantFrom(...keys, "__proto__", "constructor", "toString", "seedImage"), fc.string()),
  withBigInt: true,
  withNullPrototype: true,
  maxDepth: 4,
});
const plausible = fc.oneof(
  anything,
  fc.integer(),
  fc.double(),
  fc.constantFrom("a:1@1", "Euler", "async", "URL", "data:image/png;base64,", "http://[::1", null, "", 16, 512),
);
const field = fc.tuple(fc.constantFrom(...keys), plausible);
const tasks = fc
  .tuple(
    fc.constantFrom(...Object.keys(TASK_SCHEMAS), "upscale"),
    fc.array(field, { maxLength: 12 }),
    fc.uuid({ version: 4 }),
  )
  .map(([taskType, fields, taskUUID]) => ({ taskUUID, ...Object.fromEntries(fields), taskType }));

const check = (given: unknown) => {
  const parsed = parseTask(given);
  if (parsed.ok) return;
  expect(parsed.errors.length).toBeGreaterThan(0);
  for (const { code, message, facts } of parsed.errors) {
    expect(codes).toContain(code);
    expect(message).not.toMatch(/\{(parameter|given|rule|reason|allowed)\}/);
    // Nothing of any size is echoed back.
    expect(message.length).toBeLessThan(4000);
    if (/^(invalid|missing)/.test(code) && code !== "invalidRequest") expect(message).toContain(`'${facts.parameter}'`);
  }
};

test("any value", () => {
  fc.assert(fc.property(anything, check), { numRuns: 2000 });
});

test("tasks with arbitrary values", () => {
  fc.assert(fc.property(tasks, check), { numRuns: 3000 });
});

test("arbitrary text as a request", () => {
  const text = fc.oneof(
    fc.string(),
    fc.json(),
    tasks.map((task) => stringifyJson([task])),
  );
  fc.assert(
    fc.property(text, (request) => {
      try {
        for (const parsed of readTasks(parseRequestJson(Buffer.from(request), { maxTasks: 10 }), { maxTasks: 10 }))
          if (!parsed.ok) expect(codes).toContain(parsed.errors[0].code);
      } catch (error) {
        expect(codes).toContain((error as { code: string }).code);
      }
    }),
    { numRuns: 2000 },
  );
});

const valid = fc.record(
  {
    taskType: fc.constant("imageInference"),
    taskUUID: fc.uuid({ version: 4 }),
    model: fc.constant("runware:108@1"),
    positivePrompt: fc.string({ minLength: 1, maxLength: 100 }),
    width: fc.integer({ min: 8, max: 128 }).map((n) => n * 16),
    height: fc.integer({ min: 8, max: 128 }).map((n) => n * 16),
    seed: fc.bigInt({ min: 0n, max: 9_223_372_036_854_776_000n }),
    steps: fc.integer({ min: 1, max: 50 }),
    CFGScale: fc.integer({ min: 100, max: 2000 }).map((n) => n / 100),
    scheduler: fc.constantFrom(...SCHEDULERS),
    numberResults: fc.integer({ min: 1, max: 20 }),
    ttl: fc.integer({ min: 60 }),
    includeCost: fc.boolean(),
  },
  { requiredKeys: ["taskType", "taskUUID", "model", "positivePrompt", "width", "height"] },
);

test("valid tasks are accepted, survive the wire, and stay the same when parsed again", () => {
  fc.assert(
    fc.property(valid, (given) => {
      const parsed = parseTask(parseJson(stringifyJson(given)));
      expect(parsed.ok).toBe(true);
      const task = (parsed as { task: ImageInferenceTask }).task;
      expect(task).toMatchObject(given);
      expect(parseTask(parseJson(stringifyJson(task)))).toMatchObject({ ok: true, task });
    }),
  );
});
