import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_SEED, parseJson, randomSeed, resultSeed, stringifyJson } from "./index.ts";

test.each([
  "9007199254740993",
  "-9007199254740993",
  "9223372036854775807",
  '{"a":[1,12345678901234567890,"12345678901234567890"]}',
])("%s survives a round trip", (text) => expect(stringifyJson(parseJson(text))).toBe(text));

test("numbers that fit stay numbers", () => {
  expect(parseJson("[1, 1.5, 1e3, 9007199254740991, 12345678901234567.5]")).toEqual([
    1, 1.5, 1000, 9007199254740991, 12345678901234568,
  ]);
});

test("equals JSON.parse for all JSON", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(JSON.parse(stringifyJson(parseJson(text)))).toEqual(JSON.parse(JSON.stringify(JSON.parse(text))));
    }),
  );
});

test("__proto__ is an ordinary key", () => {
  const value = parseJson('{"__proto__":{"x":1},"n":12345678901234567890}') as object;
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  expect(Object.keys(value)).toEqual(["__proto__", "n"]);
});

test("seeds of results are consecutive, and wrap around at the end", () => {
  expect([0, 1, 2].map((index) => resultSeed(41n, index))).toEqual([41n, 42n, 43n]);
  expect([0, 1, 2].map((index) => resultSeed(MAX_SEED, index))).toEqual([MAX_SEED, 0n, 1n]);
});

test("random seeds are unsigned 32-bit integers", () => {
  expect(randomSeed(() => 0)).toBe(0n);
  expect(randomSeed(() => 1 - 2 ** -53)).toBe(2n ** 32n - 1n);
});

describe("invalid JSON is refused with line and column", () => {
  test.each([
    ["", "line 1, column 1: it ends too early"],
    ["[{", "line 1, column 3: it ends too early"],
    ['[\n  {"a": 1,}\n]', 'line 2, column 11: unexpected "}"'],
    ["[{a: 1}]", 'line 1, column 3: unexpected "a"'],
    ["[1 2]", 'line 1, column 4: unexpected "2"'],
    ["[01]", 'line 1, column 3: unexpected "1"'],
    ["[1] x", 'line 1, column 5: unexpected "x"'],
    ['["a\n"]', 'line 1, column 4: unexpected "\\n"'],
    ['["\\x"]', 'line 1, column 4: unexpected "x"'],
    ["[nul]", 'line 1, column 2: unexpected "n"'],
    ["[😀]", 'line 1, column 2: unexpected "😀"'],
    ["[]]", 'line 1, column 3: unexpected "]"'],
    ["{]", 'line 1, column 2: unexpected "]"'],
  ])("%j", (text, message) => {
    expect(() => parseJson(text)).toThrow(new SyntaxError(message));
  });

  test("at the position that JSON.parse reports, if it reports one", () => {
    const pieces = fc.constantFrom("{", "}", "[", "]", ",", ":", '"a"', "1", "true", "\n", " ");
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (list) => {
        const text = list.join("") + " ".repeat(80);
        const told = messageOf(() => JSON.parse(text));
        const position = /\(line (\d+) column (\d+)\)/.exec(told ?? "");
        const ours = messageOf(() => parseJson(text));
        expect(ours === undefined).toBe(told === undefined);
        if (position) expect(ours).toContain(`line ${position[1]}, column ${position[2]}: `);
      }),
      { numRuns: 2000 },
    );
  });
});

function messageOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

test("bytes are UTF-8, with or without a byte order mark", () => {
  expect(parseJson(new TextEncoder().encode('\uFEFF["Café"]'))).toEqual(["Café"]);
  expect(parseJson('\uFEFF["Café"]')).toEqual(["Café"]);
  expect(() => parseJson(Buffer.from('["Café"]', "latin1"))).toThrow("its bytes are not UTF-8");
});
