import { expect, test } from "vitest";
import { spansOf } from "./lettering.ts";

const letters = (prompt: string) => spansOf(prompt).flatMap(({ text, lettering }) => (lettering ? [text] : []));

test("words in quotation marks are lettering, with both kinds of marks", () => {
  expect(letters('A sign "OPEN" above “CLOSED”')).toEqual(['"OPEN"', "“CLOSED”"]);
  expect(letters("木牌上写着「茶」")).toEqual(["「茶」"]);
});

test("an open quotation and an empty one are not", () => {
  expect(letters('A sign that says "OPE')).toEqual([]);
  expect(letters('""')).toEqual([]);
});

test("the pieces add up to the prompt", () => {
  const prompt = 'x "a" y\n"b" "';
  expect(
    spansOf(prompt)
      .map(({ text }) => text)
      .join(""),
  ).toBe(prompt);
});
