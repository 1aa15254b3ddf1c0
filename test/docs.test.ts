/** The documentation: pages made from code are current, paths and links lead somewhere. Its blocks of code are tested in test/snippets. */

import { existsSync, globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { pages } from "../docs/generate/pages.ts";

const root = join(import.meta.dirname, "..");
const read = (path: string) => readFile(join(root, path), "utf8");
const files = globSync(["*.md", "docs/**/*.md"], { cwd: root }).toSorted();

test.each(Object.entries(pages))("docs/%s is current (npm run docs)", async (name, text) => {
  expect(await read(`docs/${name}`)).toBe(text);
});

/** Headings' anchors as GitHub and the site make them, and those that a page sets. */
function anchorsOf(page: string): Set<string> {
  const text = page.replace(/^```.*?^```/gms, "");
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .replace(/<[^>]*>/g, "")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replace(/\s/g, "-"),
  );
  return new Set([...headings, ...[...text.matchAll(/<a id="([^"]+)"/g)].map(([, id]) => id!)]);
}

describe.each(files)("%s", (page) => {
  test("names existing paths, and links to existing pages and anchors", async () => {
    const text = (await read(page)).replace(/^```.*?^```/gms, "");
    const missing: string[] = [];
    for (const [, path] of text.matchAll(/`((?:src|test|docs|models|reference|deploy|\.ci)\/[\w./-]+)`/g)) {
      if (!existsSync(join(root, path!))) missing.push(path!);
    }
    for (const [, href] of text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [path, anchor] = href!.split("#", 2) as [string, string?];
      const target = path === "" ? page : join(dirname(page), path);
      if (!existsSync(join(root, target))) missing.push(href!);
      else if (anchor !== undefined && !anchorsOf(await read(target)).has(anchor)) missing.push(href!);
    }
    expect(missing).toEqual([]);
  });
});
