import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { pages } from "../docs/pages.ts";

test.each(Object.entries(pages))("docs/%s is what npm run docs makes", async (name, text) => {
  expect(await readFile(new URL(`../docs/${name}`, import.meta.url), "utf8")).toBe(text);
});
