/** `bin/inkstone.mjs`: what it starts is compiled once. */

import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { version } from "../../src/version.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-bin-"));
});
afterEach(() => rm(folder, { recursive: true }));

const inkstone = (env: Readonly<Record<string, string>>) =>
  promisify(execFile)(process.execPath, ["bin/inkstone.mjs", "version"], { env: { PATH: process.env.PATH, ...env } });

test("code that Node has compiled is kept in a folder that only the user can read", async () => {
  expect((await inkstone({ XDG_CACHE_HOME: folder })).stdout).toContain(version);
  const compiled = join(folder, "inkstone", "compiled");
  expect((await readdir(compiled, { recursive: true })).length).toBeGreaterThan(5);
  expect((await stat(compiled)).mode & 0o77).toBe(0);
});

test("where nothing can be stored it still works, without a message", async () => {
  const file = join(folder, "file");
  await writeFile(file, "");
  const { stdout, stderr } = await inkstone({ XDG_CACHE_HOME: file });
  expect([stdout.includes(version), stderr]).toEqual([true, ""]);
});
