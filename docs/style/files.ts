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

/** Folders of `src/` whose docstrings are checked. */
const SOURCES = ["drawing", "engine", "models", "onnx", "pictures", "weights"];

export const pages = (): string[] => globSync(PAGES).toSorted();

export const sources = (): string[] =>
  globSync(
    SOURCES.map((folder) => `src/${folder}/**/*.ts`),
    { exclude: ["**/*.test.ts"] },
  ).toSorted();
