/** The style guide's rules: the faults that they were made for are found, and plain sentences are not. */

import type { TxtNode } from "@textlint/ast-node-types";
import { expect, test } from "vitest";
import { proseOf, sentencesOf, wordsOf } from "../docs/style/prose.ts";
import { docstrings } from "../docs/style/source-texts.ts";
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

test("a code span is one word, and may begin a sentence", () => {
  expect(sentencesOf("Use Ȼ. Ȼ is one word.").map(({ text }) => wordsOf(text).length)).toEqual([2, 4]);
});

test("docstrings keep their lines", () => {
  const source = 'const a = 1;\n/**\n * Adds two.\n * @throws Error when told so\n */\nexport const b = "picture";\n';
  const lines = docstrings(source)
    .split("\n")
    .map((line) => line.trim());
  expect(lines).toEqual(["", "", "Adds two.", "- when told so", "", "", ""]);
});

test("a sentence does not end with its line", () => {
  const value = `${"word ".repeat(20)}\n${"word ".repeat(20)}and as\nit is.`;
  const text = { type: "Str", raw: value, value, range: [0, value.length], loc: {} };
  const prose = proseOf({ ...text, type: "Paragraph", children: [text] } as unknown as TxtNode);
  expect(findings(prose).map(({ message }) => message)).toEqual([
    'phrase "as it is": write unchanged, directly',
    "44 words in a sentence; at most 25",
  ]);
});

test("examples of docstrings are no prose", () => {
  expect(docstrings("/**\n * Adds.\n * @example\n * add(1, 2) // a picture\n */\n").trim()).toBe("Adds.");
});
