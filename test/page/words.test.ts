/** The page's words, beside what the API says. */

import { expect, test } from "vitest";
import { ERRORS } from "../../src/protocol/index.ts";
import { en } from "../../web/text/en.ts";
import { zh } from "../../web/text/zh.ts";

test("every error with a headline is one of the API, in each language", () => {
  for (const { errors } of [en, zh]) {
    expect(Object.keys(errors).filter((code) => !Object.hasOwn(ERRORS, code))).toEqual([]);
    expect(Object.keys(errors)).toEqual(Object.keys(en.errors));
  }
});

test("the lists of keys contain the same keys", () => {
  expect(zh.shortcutList.map(([keys]) => keys)).toEqual(en.shortcutList.map(([keys]) => keys));
});
