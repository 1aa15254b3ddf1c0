/** The first samples of docs/apps/clients.md run as they are, but for the port. */

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";

const call = promisify(execFile);
const python = process.env.INKSTONE_TEST_PYTHON;
let folder: string;
let server: ServerProcess;
let page: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-samples-"));
  server = await startServerProcess(folder);
  page = await readFile("docs/apps/clients.md", "utf8");
});
afterAll(async () => {
  await server?.kill();
  await rm(folder, { recursive: true, force: true });
});

async function sample(language: string): Promise<string> {
  const [, code] = new RegExp(`\`\`\`${language}\n(.*?)\n\`\`\``, "s").exec(page)!;
  return code!.replaceAll("127.0.0.1:7437", new URL(await server.ready).host);
}

test("curl", async () => {
  const { stdout } = await call("bash", ["-c", await sample("bash")]);
  expect(JSON.parse(stdout)).toMatchObject({ data: [{ imageURL: expect.stringContaining("/images/") }] });
});

test("JavaScript, which ends by itself", async () => {
  const { stdout } = await call(process.execPath, ["--input-type=module", "-e", await sample("javascript")]);
  expect(stdout).toContain("/images/");
});

test.skipIf(!python)("Python (skipped without INKSTONE_TEST_PYTHON)", async () => {
  const { stdout } = await call(python!, ["-c", await sample("python")]);
  expect(stdout).toContain("/images/");
});
