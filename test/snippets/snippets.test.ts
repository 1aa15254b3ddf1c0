/** Every fenced block of README.md and docs/ does what it says: it is run, type-checked or read (CONTRIBUTING.md, "Documentation"). */

import { execFile } from "node:child_process";
import { globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { parseJson, parseTask, replyBody } from "../../src/protocol/index.ts";
import { type ContractServer, startContractServer } from "../contract/server.ts";
import { type Fence, fences, fencesOf, RUN, reasonNotToRun } from "./fences.ts";
import { createWorkspace, pythonFor, type Workspace } from "./workspace.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const all = fences(ROOT);
const ENDINGS = { sh: "sh", bash: "sh", ts: "ts", javascript: "mjs", python: "py" } as const;
const runs = all.filter((fence) => fence.language in ENDINGS && reasonNotToRun(fence) === undefined);
const fileOf = ({ page, line, language }: Fence) =>
  `${page.replaceAll(/\W+/g, "-")}-${line}.${ENDINGS[language as (typeof RUN)[number]]}`;

test("blocks of every kind exist, and each mark is known and has its reason", () => {
  for (const language of RUN)
    expect(
      all.some((fence) => fence.language === language),
      language,
    ).toBe(true);
  const unknown = all.filter(({ language, marks }) => {
    if (language === "json") return !["", "request", "reply"].includes(marks);
    if (language === "jsonl") return marks !== "transcript";
    return marks !== "" && marks !== "no-exit" && !/^no-run: \S.{5,}$/.test(marks);
  });
  expect(unknown.map(({ page, line, marks }) => `${page}:${line}: ${marks}`)).toEqual([]);
});

test("a block without an end, or in an unknown language, is an error", () => {
  expect(() => fencesOf("a.md", "```sh\nls")).toThrow("a.md:1: the block does not end");
  expect(() => fencesOf("a.md", "text\n```perl\n1\n```")).toThrow('a.md:2: unknown language "perl"');
  expect(() => fencesOf("a.md", "text\n\n    ls\n")).toThrow("a.md:3: put code between");
  const [fence] = fencesOf("a.md", "x\n```sh no-run: needs a GPU\nls\n```\n");
  expect(fence).toEqual({ page: "a.md", line: 3, language: "sh", marks: "no-run: needs a GPU", code: "ls" });
});

describe("blocks that run", () => {
  let server: ContractServer;
  const workspaces = new Map<string, Workspace>();

  beforeAll(async () => {
    // A key that nobody needs: as long as there are none, programs on this machine are answered with any.
    server = await startContractServer({ INKSTONE_API_KEYS: "" });
    for (const page of new Set(runs.map((fence) => fence.page))) workspaces.set(page, await createWorkspace(server));
    for (const fence of runs) await workspaces.get(fence.page)!.write(fileOf(fence), fence.code);
  });
  afterAll(async () => {
    for (const workspace of workspaces.values()) await workspace.remove();
    await server?.stop();
  });

  test("TypeScript passes strict settings", async () => {
    const workspace = await createWorkspace(server);
    workspaces.set("all pages", workspace);
    for (const fence of runs) if (fence.language === "ts") await workspace.write(fileOf(fence), fence.code);
    for (const name of globSync("*.ts", { cwd: join(ROOT, "examples") }))
      await workspace.write(name, await readFile(join(ROOT, "examples", name), "utf8"));
    const tsc = resolve(ROOT, "node_modules/.bin/tsc");
    const checked = await promisify(execFile)(tsc, ["-p", workspace.folder]).catch((error) => error);
    expect(checked.stdout).toBe("");
  });

  test.each(runs)("$page:$line ($language)", async (fence) => {
    if (fence.language === "python" && pythonFor(fence.code).program === undefined) {
      console.warn(`${fence.page}:${fence.line}: skipped, no Python here has what it imports`);
      return;
    }
    const forever = fence.marks === "no-exit";
    const { code, out, err } = await workspaces.get(fence.page)!.run(fileOf(fence), { forever });
    expect(code, `${out}\n${err}`).toBe(forever ? null : 0);
    expect(out).not.toContain('"errors"');
  });
});

const shown = all.filter(({ language }) => ["json", "jsonl", "yaml"].includes(language));
test.each(shown)("$page:$line ($language $marks)", ({ language, marks, code }) => {
  if (language === "yaml") expect(parseYaml(code)).toBeTypeOf("object");
  else if (language === "jsonl")
    for (const line of code.split("\n")) check(line.startsWith("→") ? "request" : "reply", line.slice(2));
  else check(marks, code);
});

/** A request that is shown to be wrong says so by its mistakes: a misspelt parameter, a width that no model has. */
const MEANT_TO_FAIL = /positivePromt|"width": 100\b/;

function check(kind: string, json: string): void {
  if (kind === "") {
    expect(JSON.parse(json)).toBeTypeOf("object");
    return;
  }
  if (kind === "reply") {
    expect(replyBody.safeParse(parseJson(Buffer.from(json))).error?.message).toBeUndefined();
    return;
  }
  // Base64 that is cut short with … is no image.
  for (const task of JSON.parse(json.replaceAll(/base64,[\w+/=]+…/g, "base64,iVBORw0KGgo="))) {
    const parsed = parseTask(task);
    const wrong = MEANT_TO_FAIL.test(JSON.stringify(task).replaceAll(":", ": "));
    expect(parsed.ok ? [] : parsed.errors.map(({ message }) => message)).toEqual(wrong ? expect.any(Array) : []);
    expect(parsed.ok).toBe(!wrong);
  }
}
