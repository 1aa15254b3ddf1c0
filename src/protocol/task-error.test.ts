import { expect, test } from "vitest";
import { task } from "../../test/support/checked-tasks.ts";
import { parseTask } from "./index.ts";
import { errorItem } from "./task-error.ts";

test("an error in a reply", () => {
  const parsed = parseTask(task({ width: 100 }));
  expect(!parsed.ok && errorItem(parsed.errors[0].body, parsed.owner, "https://example.com/docs/reference")).toEqual({
    code: "invalidWidth",
    message:
      "Invalid value for 'width' parameter. Width must be an integer value between 128 and 2048, in multiples of '8'. Received: 100.",
    parameter: "width",
    type: "integer",
    documentation: "https://example.com/docs/reference/api#request-width",
    taskUUID: "a770f077-f413-47de-9dac-be0b26a35da6",
    taskType: "imageInference",
    min: 128,
    max: 2048,
    multiplier: 8,
  });
});

test("keys are not repeated in messages", () => {
  const parsed = parseTask({ taskType: "authentication", apiKey: ["secret-value"] });
  expect(!parsed.ok && parsed.errors[0].message).not.toContain("secret-value");
});
