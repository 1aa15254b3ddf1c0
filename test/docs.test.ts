import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { pages } from "../docs/generate/pages.ts";

const read = (path: string) => readFile(new URL(`../${path}`, import.meta.url), "utf8");

test.each(Object.entries(pages))("docs/%s is what npm run docs makes", async (name, text) => {
  expect(await read(`docs/${name}`)).toBe(text);
});

test.each([
  "README.md",
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "docs/internals/reliability.md",
  "docs/operators/scaling.md",
])("every path that %s names exists", async (page) => {
  const text = await read(page);
  const named = [...text.matchAll(/`((?:src|test|docs|models|reference|\.ci)\/[\w./-]+)`/g)].map(([, path]) => path!);
  const linked = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path]) => path!);
  const missing = [...named, ...linked].filter((path) => !existsSync(new URL(`../${path}`, import.meta.url)));
  expect(missing).toEqual([]);
});
