import { expect, test } from "vitest";
import { createLog } from "./log.ts";

const logged = (prompts: boolean, facts: object) => {
  let text = "";
  createLog({ level: "info", prompts }, { write: (line) => (text += line) }).info(facts, "said");
  return text;
};

const FACTS = {
  taskUUID: "123",
  apiKey: "secret-1",
  task: { positivePrompt: "a cat", webhookURL: "https://example.com/?token=secret-2" },
  request: { headers: { authorization: "Bearer secret-3" } },
};

test("no secrets, and no prompts unless asked for", () => {
  expect(logged(false, FACTS)).toContain('"taskUUID":"123"');
  expect(logged(false, FACTS)).not.toMatch(/secret-\d|a cat/);
  expect(logged(true, FACTS)).toContain("a cat");
  expect(logged(true, FACTS)).not.toMatch(/secret-\d/);
});

test.each(["err", "error"])("%s is written with its stack and cause", (name) => {
  const text = logged(false, { [name]: new Error("outer", { cause: new Error("inner") }) });
  expect(text).toContain("outer");
  expect(text).toContain("inner");
});
