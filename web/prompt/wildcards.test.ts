import { expect, test } from "vitest";
import { expandWildcards, hasWildcards } from "./wildcards.ts";

test("a prompt without choices stays unchanged", () => {
  expect(expandWildcards('A sign that says "{TEA}"')).toEqual(['A sign that says "{TEA}"']);
  expect(hasWildcards("a {b} c | d")).toBe(false);
});

test("the last group varies fastest", () => {
  expect(expandWildcards("{red|blue} on {wood|stone}")).toEqual([
    "red on wood",
    "red on stone",
    "blue on wood",
    "blue on stone",
  ]);
});

test("choices can be empty and nested", () => {
  expect(expandWildcards("a {small |}cat")).toEqual(["a smallcat", "a cat"]);
  expect(expandWildcards("{a {red|blue} cat|a dog}")).toEqual(["a red cat", "a dog", "a blue cat"]);
});

test("a thousand times a thousand choices take bounded time", () => {
  const many = `{${Array.from({ length: 1000 }, (_, i) => i).join("|")}}`;
  expect(expandWildcards(`${many} ${many} ${many}`, 50)).toHaveLength(50);
});
