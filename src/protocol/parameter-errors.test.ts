import { expect, test, vi } from "vitest";
import { refused, task } from "../../test/support/checked-tasks.ts";
import { parseJson, parseTask } from "./index.ts";
import { parameterErrors } from "./parameter-errors.ts";
import { parametersOf } from "./task.ts";

test("only the first of many unknown keys become errors", () => {
  const keys = Array.from({ length: 1000 }, (_, i) => `key${i}`);
  const spelling = vi.fn((path: string) => path);
  const errors = parameterErrors(
    [{ code: "unrecognized_keys", keys, path: [], message: "" }],
    {},
    parametersOf("ping"),
    spelling,
  );
  expect(errors).toHaveLength(32);
  expect(errors[31]!.facts.parameter).toBe("key31");
  expect(spelling).toHaveBeenCalledTimes(32);
});

test("a long key is shortened in its error, at a character boundary", () => {
  const key = `${"k".repeat(79)}😀${"k".repeat(100_000)}`;
  const shown = `${"k".repeat(79)}\ufffd…`;
  expect(refused({ [key]: 1, lora: [{ model: "a:1@1", [key]: 1 }] })).toEqual([
    `unsupportedParameter lora.0.${shown}`,
    `unsupportedParameter ${shown}`,
  ]);
  const parsed = parseTask(task({ [key]: 1 }));
  expect(parsed.ok ? "" : parsed.errors[0].message).toContain(`Unsupported use of '${shown}' parameter.`);
});

test("lists that are far too long are refused by their length", () => {
  const parsed = parseTask(task({ lora: Array.from({ length: 1_000_000 }, () => ({})) }));
  expect(parsed.ok ? [] : parsed.errors).toMatchObject([
    { message: expect.stringContaining("an array of 1 to 16 objects. Received: an array of 1000000 elements.") },
  ]);
  expect(refused({ controlNet: Array(1_000_000).fill(1) })).toEqual(["invalidControlNet controlNet"]);
  const search = parseTask({ taskType: "modelSearch", taskUUID: task().taskUUID, tags: Array(1_000_000).fill(1) });
  expect(search.ok ? [] : search.errors).toMatchObject([{ code: "invalidTags", facts: { parameter: "tags" } }]);
});

test("a number of a million digits is not repeated", () => {
  const parsed = parseTask(task({ steps: parseJson("9".repeat(1_000_000)) }));
  expect(parsed.ok ? "" : parsed.errors[0].message.slice(-60)).toMatch(
    /Received: an integer of more than 80 digits\.$/,
  );
  const exact = parseTask(task({ steps: parseJson("-12345678901234567890") }));
  expect(exact.ok ? "" : exact.errors[0].message).toMatch(/Received: -12345678901234567890\.$/);
});
