/** The files that the style guide covers. */

import { globSync } from "node:fs";
import { matchesGlob } from "node:path";

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

/** Files in which the titles of tests are checked. */
const TESTS = ["{src,web}/**/*.test.ts", "test/**/*.ts"];

export const sources = (): string[] => globSync(SOURCES, { exclude: EXCLUDED }).toSorted();

export const tests = (): string[] => globSync(TESTS).toSorted();

export const isTest = (file: string): boolean => TESTS.some((pattern) => matchesGlob(file, pattern));
