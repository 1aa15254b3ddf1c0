/** The prose of a Markdown file: its sentences without code, links' addresses and HTML. */

import type { TxtNode, TxtTextNode } from "@textlint/ast-node-types";

/** The prose of a paragraph, list item or table cell; `origin[i]` is the position of character i in the file. */
export interface Prose {
  readonly text: string;
  readonly origin: readonly number[];
}

export interface Sentence {
  readonly text: string;
  /** Its place in the prose. */
  readonly at: number;
}

/** Replaces a code span in prose: one word, no syllables. A capital, since a sentence may begin with it. */
export const CODE = "Ȼ";

/** Nodes whose text is prose. A list item holds paragraphs. */
export const PROSE_NODES = ["Paragraph", "TableCell"] as const;

const segmenter = new Intl.Segmenter("en-u-ss-standard", { granularity: "sentence" });

export function proseOf(node: TxtNode): Prose {
  let text = "";
  const origin: number[] = [];
  const add = (part: string, start: number, step: 0 | 1) => {
    for (let i = 0; i < part.length; i++) origin.push(start + i * step);
    text += part;
  };
  const visit = (inner: TxtNode) => {
    if (inner.type === "Code") add(CODE, inner.range[0], 0);
    // A line break within a paragraph ends no sentence.
    else if (inner.type === "Str") add((inner as TxtTextNode).value.replaceAll("\n", " "), inner.range[0], 1);
    else if (inner.type === "Break") add(" ", inner.range[0], 0);
    // Emphasised words are labels of the page, and quotations.
    else if (inner.type === "Emphasis") add(CODE, inner.range[0], 0);
    else for (const child of (inner as { children?: TxtNode[] }).children ?? []) visit(child);
  };
  visit(node);
  return { text, origin };
}

export function sentencesOf(text: string): Sentence[] {
  return [...segmenter.segment(text)].map(({ segment, index }) => ({ text: segment.trim(), at: index }));
}

/** Words of a sentence; numbers and code count. */
export const wordsOf = (sentence: string): string[] =>
  sentence.split(/[\s/]+|[–—]|…/).filter((word) => /[\p{L}\p{N}]/u.test(word));
