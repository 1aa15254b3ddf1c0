/** The prose in TypeScript: docstrings, comments, and messages such as help texts, errors and log lines. */

import { type Comment, parseSync } from "oxc-parser";

/** One text, as Markdown. */
export interface SourceText {
  readonly text: string;
  /** The line of its first character, from 1. */
  readonly line: number;
}

interface Part {
  readonly at: number;
  readonly text: string;
}

/** Without the stars and examples. A tag such as `@throws` begins a list item, and its name is none of the prose. */
const unwrapped = (comment: string): string =>
  comment
    .replace(/^\*/, "")
    .replace(/^[ \t]*\* ?/gm, "")
    .replace(/^@example\b[\s\S]*/m, onlyNewlines)
    .replace(/^[ \t]*@(?:param|typeParam|returns|throws)\b(?: [\w.]+(?= ))?/gm, "-")
    .replace(/@(?:param|returns|throws)\b/g, "")
    .replace(/\{@link (\w+)\}/g, "`$1`");
