import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_SEED, parseJson, randomSeed, resultSeed, stringifyJson } from "./index.ts";

test.each([
  "9007199254740993",
  "-9007199254740993",
  "9223372036854775807",
  '{"a":[1,12345678901234567890,"12345678901234567890"]}',
])("%s survives", (text) => expect(stringifyJson(parseJson(text))).toBe(text));

test("numbers that fit stay numbers", () => {
  expect(parseJson("[1, 1.5, 1e3, 9007199254740991, 12345678901234567.5]")).toEqual([
    1, 1.5, 1000, 9007199254740991, 12345678901234568,
  ]);
});

test("equal to JSON.parse for everything that JSON.parse can hold", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(JSON.parse(stringifyJson(parseJson(text)))).toEqual(JSON.parse(JSON.stringify(JSON.parse(text))));
    }),
  );
});

test("__proto__ is a key like any other", () => {
  const value = parseJson('{"__proto__":{"x":1},"n":12345678901234567890}') as object;
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  expect(Object.keys(value)).toEqual(["__proto__", "n"]);
});

test("seeds of results count up, and around at the end", () => {
  expect([0, 1, 2].map((index) => resultSeed(41n, index))).toEqual([41n, 42n, 43n]);
  expect([0, 1, 2].map((index) => resultSeed(MAX_SEED, index))).toEqual([MAX_SEED, 0n, 1n]);
});

test("random seeds are unsigned 32-bit integers", () => {
  expect(randomSeed(() => 0)).toBe(0n);
  expect(randomSeed(() => 1 - 2 ** -53)).toBe(2n ** 32n - 1n);
});
