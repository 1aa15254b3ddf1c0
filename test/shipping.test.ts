/** What ships beside our own code: licences, NOTICE, advisories. */

import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const notice = await readFile(join(root, "NOTICE"), "utf8");

const run = (script: string, ...args: string[]) =>
  new Promise<{ code: number; said: string }>((resolve) => {
    execFile(process.execPath, [join(root, ".ci", script), ...args], (error, out, said) => {
      resolve({ code: error === null ? 0 : Number(error.code), said: out + said });
    });
  });

test("every package in the release has an allowed licence, and is in NOTICE", async () => {
  const { code, said } = await run("licences.mjs");
  expect(code, said).toBe(0);
  expect(said).toMatch(/^fastify [\d.]+: MIT$/m);
});

test("a package missing in NOTICE is reported; --write adds it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "inkstone-notice-"));
  const path = join(folder, "NOTICE");
  await writeFile(path, notice.replace(" fastify,", ""));
  expect(await run("licences.mjs", path)).toMatchObject({ code: 1, said: expect.stringContaining("--write") });
  expect((await run("licences.mjs", "--write", path)).code).toBe(0);
  expect(await readFile(path, "utf8")).toBe(notice);
  await rm(folder, { recursive: true });
});

test("NOTICE names the work of others in the package: networks, fonts, the database, the page's packages", async () => {
  const assets = (await readdir(join(root, "assets"))).filter((name) => !name.endsWith(".LICENSE"));
  expect(assets).toContain("safety.onnx");
  for (const name of assets) expect(notice).toContain(`\nassets/${name}\n`);
  for (const name of await readdir(join(root, "models"))) expect(notice).toContain(`\nmodels/${name}\n`);
  for (const name of await packagesOfThePage()) {
    expect(notice, name).toMatch(new RegExp(`^    (.*, )?${name}[.,] `, "m"));
    const licence = await readFile(join(root, "node_modules", name, "LICENSE"), "utf8");
    for (const [whose] of licence.matchAll(/^Copyright \(c\) .*$/gm)) expect(notice).toContain(whose);
  }
});

/** Those that its sources import, and what they bring along. */
async function packagesOfThePage(): Promise<ReadonlySet<string>> {
  const files = (await readdir(join(root, "web"), { recursive: true })).filter(
    (name) =>
      /\.(tsx?|css)$/.test(name) && !/(^|\/)(node_modules|dist)\/|\.test\.|^(build|vite\.config)\.ts/.test(name),
  );
  const found = new Set<string>();
  const add = async (name: string): Promise<void> => {
    if (found.has(name)) return;
    found.add(name);
    const about = JSON.parse(await readFile(join(root, "node_modules", name, "package.json"), "utf8"));
    for (const dependency of Object.keys(about.dependencies ?? {})) await add(dependency);
  };
  for (const file of files) {
    const text = await readFile(join(root, "web", file), "utf8");
    for (const [, name] of text.matchAll(/^(?:import|import .* from|\} from) "((?:@[\w-]+\/)?[\w-][\w.-]*)["/]/gm))
      await add(name!);
  }
  expect([...found]).toContain("preact");
  return found;
}

test("an advisory against a package in the release ends `npm run advisories` with 1; a registry without answers, with 2", async () => {
  const advisory = {
    id: 1,
    url: "https://a.example/1",
    title: "A weakness",
    severity: "high",
    vulnerable_versions: "*",
  };
  const registry = createServer((request, response) => {
    const isAsked =
      request.method === "POST" && request.url?.endsWith("/advisories/bulk") && request.url.startsWith("/yes");
    response.statusCode = isAsked ? 200 : 404;
    request.resume().on("end", () => response.end(JSON.stringify(isAsked ? { fastify: [advisory] } : {})));
  });
  await new Promise<void>((resolve) => registry.listen(0, "127.0.0.1", resolve));
  const at = `--registry=http://127.0.0.1:${(registry.address() as AddressInfo).port}`;
  const warned = await run("advisories.mjs", `${at}/yes/`);
  expect(warned).toMatchObject({ code: 1, said: expect.stringMatching(/high: fastify .*A weakness/) });
  expect(await run("advisories.mjs", `${at}/no/`)).toMatchObject({
    code: 2,
    said: expect.stringContaining("not checked"),
  });
  registry.close();
});
