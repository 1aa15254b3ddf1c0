/** The README's two commands in a fresh clone: no warnings of npm, a path that can be piped, a server that stops. */

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { decodeImage } from "../../src/pictures/index.ts";

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

const run = promisify(execFile);
let folder: string;
let clone: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-clone-"));
  clone = join(folder, "inkstone");
  await run("git", ["clone", "-q", "--depth", "1", pathToFileURL(resolve(".")).href, clone]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** As a shell outside of npm would have it. */
const env = () => {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("npm_"));
  return { ...Object.fromEntries(inherited), INKSTONE_DATA_DIR: join(folder, "data"), INKSTONE_PORT: "0" };
};

test("npm ci prints no warnings, npm run -s generate prints only the path, npm start serves", async () => {
  const installed = await run("npm", ["ci", "--prefer-offline"], { cwd: clone, env: env() });
  expect(installed.stderr).not.toMatch(/npm warn/i);

  const prompt = 'A red sign that says "OPEN"';
  const small = ["--width", "128", "--height", "128", "--steps", "2"];
  const drawn = await run("npm", ["run", "-s", "generate", "--", prompt, ...small], { cwd: clone, env: env() });
  expect(drawn.stdout).toMatch(/^a-red-sign-that-says-open-\d+\.png\n$/);
  expect(drawn.stderr).not.toMatch(/npm warn/i);
  expect(await decodeImage(await readFile(join(clone, drawn.stdout.trim())))).toMatchObject({ width: 128 });

  const npm = spawn("npm", ["start"], { cwd: clone, env: env() });
  let said = "";
  npm.stdout.on("data", (chunk) => (said += chunk));
  await expect.poll(() => said, { timeout: 300_000, interval: 100 }).toMatch(/^inkstone listening on \S+$/m);
  const [, base] = /^inkstone listening on (\S+)$/m.exec(said)!;
  const page = await fetch(`${base}/`, { headers: { accept: "text/html" } });
  expect([page.status, page.headers.get("content-type")]).toEqual([200, expect.stringContaining("text/html")]);
  npm.kill("SIGTERM");
  await once(npm, "exit");
  const answers = () =>
    fetch(`${base}/healthz`).then(
      () => true,
      () => false,
    );
  await expect.poll(answers, { timeout: 60_000, interval: 200 }).toBe(false);
});
