import { expect, test } from "vitest";
import type { Model } from "../models/index.ts";
import { letteringAdvice } from "./lettering-advice.ts";

const model = (origin: Model["origin"]) => ({ origin }) as Model;

test.each(["a cat at sunset", "the cat's tail and the dog's nose", 'an unclosed "quote', ""])(
  "for the bundled checkpoint, %j gets one line on what it generates and where the real model is",
  (prompt) => {
    const advice = letteringAdvice(model("bundled"), prompt);
    expect(advice).toMatch(/generates signs and lettering only.*inkstone models pull Qwen\/Qwen-Image$/);
    expect(advice).not.toContain("\n");
    expect(letteringAdvice(model("installed"), prompt)).toBeUndefined();
  },
);

test.each(['a sign "OPEN"', "a sign that says 'OPEN'", "a sign “OPEN”", "招牌「茶」"])("%j is lettering", (prompt) => {
  expect(letteringAdvice(model("bundled"), prompt)).toBeUndefined();
});
