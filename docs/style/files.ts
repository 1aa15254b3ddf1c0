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

/** Files whose docstrings are checked. */
const SOURCES = [
  "src/{drawing,engine,models,onnx,pictures,weights}/**/*.ts",
  "web/**/*.{ts,tsx}",
  "docs/{generate,style}/*.ts",
  "examples/*.ts",
];

export const pages = (): string[] => globSync(PAGES).toSorted();

/** Files whose docstrings, comments and messages are checked. */
export const sources = (): string[] =>
  globSync(SOURCES, { exclude: ["**/*.test.ts", "web/dist", "web/text", "src/server/tasks/presence.ts"] }).toSorted();
