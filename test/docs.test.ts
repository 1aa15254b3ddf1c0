/**
 * The documentation: pages made from code are current, paths and links lead somewhere, quoted messages are those of the code. Its blocks
 * of code are tested in test/snippets.
 */

import { existsSync, globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { pages } from "../docs/generate/pages.ts";
import { ERRORS } from "../src/protocol/index.ts";
import { TASK_TYPES } from "../src/protocol/task.ts";

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

test("the pages for app developers show a request and a reply of each task type", async () => {
  const text = (await Promise.all(globSync("docs/apps/*.md", { cwd: root }).map(read))).join("\n");
  const shown = (info: string) => {
    const blocks = [...text.matchAll(new RegExp(`^\`\`\`(?:${info}|jsonl transcript)\\n(.*?)^\`\`\``, "gms"))];
    return new Set(
      blocks.flatMap(([, block]) => [...block!.matchAll(/"taskType": "(\w+)"/g)].map(([, type]) => type!)),
    );
  };
  const [requests, replies] = [shown("json request"), shown("json reply")];
  expect(TASK_TYPES.filter((type) => !requests.has(type))).toEqual([]);
  // getResponse is answered with the results of another task.
  expect(TASK_TYPES.filter((type) => !replies.has(type))).toEqual(["getResponse"]);
});

test("the page on errors says what to do for each status", async () => {
  const text = await read("docs/apps/errors.md");
  const shown = [...text.matchAll(/^\| (\d[\d, ]*) \|/gm)].flatMap(([, cell]) => cell!.split(", ").map(Number));
  const statuses = new Set(Object.values(ERRORS).map(({ status }) => status));
  expect(shown.toSorted()).toEqual([...statuses].toSorted());
});

describe("troubleshooting, by message", () => {
  /** Messages of PostgreSQL and of ONNX Runtime's installer, and a field of replies. */
  const FOREIGN = ["permission denied for schema public", "getaddrinfo ENOTFOUND api.nuget.org", "NSFWContent: true"];
  /** Code that may be the start of a row: a message with "…" for each value, or an error code. */
  const rows = async () => {
    const text = await read("docs/troubleshooting.md");
    const firstCells = [...text.matchAll(/^\| ([^|]*) \|/gm)].map(([, cell]) => cell!);
    return firstCells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code!));
  };

  test("each message is in the code", async () => {
    const sources = globSync(["src/**/*.ts", "bin/*.mjs"], { cwd: root, exclude: ["**/*.test.ts"] });
    const code = (await Promise.all(sources.map(read))).join("\n");
    const messages = (await rows()).filter((message) => message.includes(" ") && !FOREIGN.includes(message));
    expect(messages.length).toBeGreaterThan(8);
    const parts = messages.flatMap((message) => message.split("…").map((part) => part.replace(/ "|"/g, "").trim()));
    expect(parts.filter((part) => part !== "" && !code.includes(part))).toEqual([]);
  });

  test("each code is one of the API", async () => {
    const codes = (await rows()).filter((code) => /^[a-z]+[A-Z]\w+$|^forbidden$/.test(code));
    expect(codes.length).toBeGreaterThan(8);
    expect(codes.filter((code) => !Object.hasOwn(ERRORS, code))).toEqual([]);
  });
});
