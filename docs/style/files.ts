/** The files that the style guide covers. */

import { globSync } from "node:fs";

const PAGES = [
  "*.md",
  "docs/**/*.md",
  "examples/*.md",
  "models/**/*.md",
  "packed/*.md",
  "reference/*.md",
  "test/**/*.md",
];

/** Files whose docstrings, comments and messages are checked. */
const SOURCES = ["src/**/*.ts", "web/**/*.{ts,tsx}", "docs/{generate,style}/*.ts", "examples/*.ts"];

/** `rules.ts` contains the forbidden words. */
const EXCLUDED = ["**/*.test.ts", "web/dist", "web/text", "docs/style/rules.ts"];

export const pages = (): string[] => globSync(PAGES).toSorted();

export const sources = (): string[] => globSync(SOURCES, { exclude: EXCLUDED }).toSorted();
