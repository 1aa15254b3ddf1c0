/** Readability of pages: `npm run docs:readability [FILE…]`. Words a sentence, sentences that are too long, Flesch reading ease. */

import { readFile } from "node:fs/promises";
import type { TxtNode } from "@textlint/ast-node-types";
import markdown from "@textlint/textlint-plugin-markdown";
import { syllable } from "syllable";
import { pages } from "./files.ts";
import { CODE, PROSE_NODES, proseOf, sentencesOf, wordsOf } from "./prose.ts";
import { MAX_WORDS } from "./rules.ts";
import { sourceTexts } from "./source-texts.ts";

/** Shorter ones are names, values and headings of tables. */
const FEWEST_WORDS = 4;

const processor = new markdown.default.Processor().processor(".md");

function sentencesIn(page: string): string[] {
  const found: string[] = [];
  const visit = (node: TxtNode) => {
    if ((PROSE_NODES as readonly string[]).includes(node.type))
      found.push(...sentencesOf(proseOf(node).text).map(({ text }) => text));
    else for (const child of (node as { children?: TxtNode[] }).children ?? []) visit(child);
  };
  visit(processor.preProcess(page, "page.md") as TxtNode);
  return found.filter((sentence) => wordsOf(sentence).length >= FEWEST_WORDS);
}

function readability(sentences: readonly string[]) {
  const words = sentences.flatMap(wordsOf);
  const spoken = words.filter((word) => !word.includes(CODE));
  const perSentence = words.length / sentences.length;
  const perWord = spoken.reduce((sum, word) => sum + syllable(word), 0) / spoken.length;
  return {
    words: words.length,
    sentences: sentences.length,
    "words a sentence": Number(perSentence.toFixed(1)),
    [`over ${MAX_WORDS} words`]: sentences.filter((sentence) => wordsOf(sentence).length > MAX_WORDS).length,
    Flesch: Number((206.835 - 1.015 * perSentence - 84.6 * perWord).toFixed(1)),
  };
}

const named = process.argv.slice(2);
const files = named.length > 0 ? named : pages();
const all: string[] = [];
const table: Record<string, object> = {};
for (const file of files) {
  const text = await readFile(file, "utf8");
  const texts = /\.tsx?$/.test(file) ? sourceTexts(text, file).map((each) => each.text) : [text];
  const sentences = texts.flatMap(sentencesIn);
  if (sentences.length === 0) continue;
  all.push(...sentences);
  table[file] = readability(sentences);
}
table.all = readability(all);
console.table(table);
