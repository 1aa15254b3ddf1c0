import { Writable } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { createLog } from "./log.ts";
import { readableLog } from "./readable-log.ts";

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

test("no secrets, and no prompts unless configured", () => {
  expect(logged(false, FACTS)).toContain('"taskUUID":"123"');
  expect(logged(false, FACTS)).not.toMatch(/secret-\d|a cat/);
  expect(logged(true, FACTS)).toContain("a cat");
  expect(logged(true, FACTS)).not.toMatch(/secret-\d/);
});

test("for people: time, sentence with its reason, facts; nothing that the banner contains", () => {
  let text = "";
  const out = new Writable({
    write(part, _encoding, done) {
      text += part;
      done();
    },
  });
  const log = createLog({ level: "info", prompts: false }, readableLog(out));
  log.info({ address: "http://x" }, "listening");
  log.info({ taskUUID: "123", seconds: 1.5, apiKey: "secret" }, "task ended");
  log.warn({ pauseSeconds: 2, err: new Error("it is away") }, "waiting");
  log.error({ path: "/v1" }, "request failed");
  const lines = stripVTControlCharacters(text).replace(/^\d\d:\d\d:\d\d /gm, "");
  expect(lines).toBe(
    [
      "task ended taskUUID=123 seconds=1.5 apiKey=[hidden]",
      "warning: waiting: it is away pauseSeconds=2",
      "error: request failed path=/v1",
      "",
    ].join("\n"),
  );
});

test.each(["err", "error"])("%s is logged with its stack and cause", (name) => {
  const text = logged(false, { [name]: new Error("outer", { cause: new Error("inner") }) });
  expect(text).toContain("outer");
  expect(text).toContain("inner");
});
