/** The style guide's rules: the faults that they were made for are found, and plain sentences are not. */

import type { TxtNode } from "@textlint/ast-node-types";
import { expect, test } from "vitest";
import { proseOf, sentencesOf, wordsOf } from "../docs/style/prose.ts";
import { sourceTexts, testTitles } from "../docs/style/source-texts.ts";
import { findings } from "../docs/style/textlint-rule.ts";

const messages = (text: string) => findings({ text }).map(({ message }) => message);

test.each([
  "An outage is told and survived.",
  "2 wrongly asked.",
  "Who comes while another has a thousand tasks waiting is served next.",
  "Whether images are checked that nobody asked to check.",
  "The prompt is used as it is.",
  "The file is fetched anew.",
  "A lane of its own.",
  "A picture of a door.",
  `${"word ".repeat(26)}.`,
])("is against the guide: %s", (text) => {
  expect(messages(text)).not.toEqual([]);
});

test.each([
  "Outages are reported and survived.",
  "A new client is served next even when another has a thousand tasks queued.",
  "Check every image, even if the request did not ask for it.",
  "What does it cost?",
  "Qwen-Image on your own machine.",
  'The guide forbids "anew".',
])("is allowed: %s", (text) => {
  expect(messages(text)).toEqual([]);
});

test("a code span is one word, and can begin a sentence", () => {
  expect(sentencesOf("Use Ȼ. Ȼ is one word.").map(({ text }) => wordsOf(text).length)).toEqual([2, 4]);
});

test("texts of a source: docstrings, comments and messages with their lines; no names, imports and statements", () => {
  const source = [
    'import { a } from "./a b c/d e.ts";',
    "/**",
    " * Adds two.",
    " *",
    " * @throws Error if it fails",
    " */",
    'export const key = "picture";',
    "// Two lines,",
    "// one comment.",
    `const sql = \`select picture from images where \${key} is null\`;`,
    'log.warn({}, "a message with words");',
    "throw new Error(",
    `  \`--out: \${key} exists; choose another name\`,`,
    ");",
    'command.option("--out <file>", "the " + "file to " + `write into`);',
    "const notes = `Examples of use:\\n  draw a picture\\n\\nThe end of it.`;",
  ].join("\n");
  expect(sourceTexts(source)).toEqual([
    { line: 2, text: "\nAdds two.\n\n- if it fails" },
    { line: 8, text: "Two lines,\none comment." },
    { line: 11, text: "a message with words" },
    { line: 13, text: "--out: `x` exists; choose another name" },
    { line: 15, text: "the file to write into" },
    { line: 16, text: "Examples of use:\n\n\nThe end of it." },
  ]);
});

test("titles of tests: literals and templates of test, describe and their variants", () => {
  const source = [
    'test("one", () => item.test("not this"));',
    "describe.skipIf(absent)(`two $" + "{name}`, () => {",
    '  testBehind.each(["a b c d"])("three", run);',
    "  test.each`x`('four', run);",
    "});",
    'items.includes("not this either");',
  ].join("\n");
  expect(testTitles(source)).toEqual([
    { line: 1, text: "one" },
    { line: 2, text: "two `x`" },
    { line: 3, text: "three" },
    { line: 4, text: "four" },
  ]);
});

test("a title may not open with a clause, however short", () => {
  const opening = { text: "what is missing is named" };
  expect(findings(opening)).toEqual([]);
  expect(findings(opening, { isTitle: true })).toHaveLength(1);
});

test("a source that is not TypeScript is an error, not a file without texts", () => {
  expect(() => sourceTexts("const = 1;")).toThrow();
});

test("a line break does not end a sentence", () => {
  const value = `${"word ".repeat(20)}\n${"word ".repeat(20)}and as\nit is.`;
  const text = { type: "Str", raw: value, value, range: [0, value.length], loc: {} };
  const prose = proseOf({ ...text, type: "Paragraph", children: [text] } as unknown as TxtNode);
  expect(findings(prose).map(({ message }) => message)).toEqual([
    'phrase "as it is": write unchanged, directly',
    "44 words in a sentence; at most 25",
  ]);
});

test("examples in docstrings are not prose", () => {
  expect(sourceTexts("/**\n * Adds.\n * @example\n * add(1, 2) // a picture\n */\n")).toEqual([
    { line: 1, text: "\nAdds." },
  ]);
});
