import { describe, expect, test } from "vitest";
import { task } from "../../test/support/checked-tasks.ts";
import { type ImageInferenceTask, parseJson, parseTask, stringifyJson } from "./index.ts";

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
