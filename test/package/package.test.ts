/** What `npm pack` makes, installed in an empty project: it draws on the oldest Node and on the newest, with types, without a clone. */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { decodeImage } from "../../src/pictures/index.ts";
import { oldestNode } from "../../src/version.ts";
import { installModel } from "../contract/server.ts";

// Packing builds everything, and a machine may be busy.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 600_000 });

const run = promisify(execFile);
const root = resolve(".");
const bin = join(root, "node_modules/.bin");
const quiet = ["--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts", "--loglevel=error"];

let folder: string;
let project: string;
let server: ChildProcess | undefined;
/** Programs of Node by version, as npm has them for this machine. */
let nodes: { readonly tooOld: string; readonly oldest: string; readonly newest: string };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-package-"));
  project = join(folder, "project");
  await mkdir(project);
  const { stdout } = await run("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: root });
  const tarball = join(folder, stdout.trim().split("\n").at(-1)!);
  await writeFile(join(project, "package.json"), '{"private":true,"type":"module"}');
  await run("npm", ["install", ...quiet, tarball, "@runware/sdk-js@1.3.2"], { cwd: project });
  await mkdir(join(folder, "nodes"));
  const node = (alias: string, version: string) => `${alias}@npm:node-${process.platform}-${process.arch}@${version}`;
  const versions = [node("too-old", "20.20.2"), node("oldest", `${oldestNode}.0`)];
  await run("npm", ["install", ...quiet, ...versions], { cwd: join(folder, "nodes") });
  const program = (alias: string) => join(folder, "nodes/node_modules", alias, "bin/node");
  nodes = { tooOld: program("too-old"), oldest: program("oldest"), newest: process.execPath };
});
afterAll(async () => {
  server?.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

const inProject = (program: string, args: readonly string[]) =>
  run(program, args, { cwd: project, env: { ...process.env, INKSTONE_DATA_DIR: join(folder, "data") } });
const command = "node_modules/inkstone/bin/inkstone.mjs";

test("it contains the site of the documentation", async () => {
  const site = join(project, "node_modules/inkstone/docs/dist");
  expect(await readdir(site)).toContain("index.html");
  expect(await readdir(join(site, "apps"))).toContain("tasks.html");
});

test("it contains only what runs", async () => {
  const inside = await readdir(join(project, "node_modules/inkstone"));
  expect(inside.sort()).toEqual([
    "LICENSE",
    "NOTICE",
    "README.md",
    "assets",
    "bin",
    "dist",
    "docs",
    "models",
    "package.json",
    "web",
  ]);
});

const drawing = `
  const pipeline = await Pipeline.load();
  const size = { width: 128, height: 128, steps: 2, seed: 7n };
  const [image] = await pipeline.generate({ prompt: 'a red sign that says "OPEN"', ...size });
  const png = await encodeImage(image, { format: "PNG" });
  console.log(png.subarray(1, 4).toString("latin1"), image.width);
  await pipeline.dispose();`;

test.each(["oldest", "newest"] as const)(
  "it generates as a library and as a command on the %s Node",
  async (version) => {
    const node = nodes[version];
    await writeFile(join(project, "draw.mjs"), `import { encodeImage, Pipeline } from "inkstone";${drawing}`);
    expect((await inProject(node, ["draw.mjs"])).stdout).toBe("PNG 128\n");
    const wrapped = `const { encodeImage, Pipeline } = require("inkstone"); (async () => {${drawing}})();`;
    await writeFile(join(project, "draw.cjs"), wrapped);
    expect((await inProject(node, ["draw.cjs"])).stdout).toBe("PNG 128\n");
    const out = `${version}.png`;
    const small = ["--width", "128", "--height", "128", "--steps", "2", "--out", out];
    const { stdout } = await inProject(node, [command, "generate", 'A red sign that says "OPEN"', ...small]);
    expect(stdout).toBe(`${out}\n`);
    expect(await decodeImage(await readFile(join(project, out)))).toMatchObject({ width: 128, height: 128 });
  },
);

test("a Node that is too old gets one sentence, before anything else", async () => {
  const failure = await inProject(nodes.tooOld, [command, "--version"]).catch((error) => error);
  expect(failure).toMatchObject({ code: 1, stdout: "" });
  expect(failure.stderr).toMatch(
    /^error: inkstone needs Node 22\.19 or newer, and this is Node 20\.20\.2 \(.*\): .*\n$/,
  );
});

test("its types are strict, for ESM and for CommonJS, without skipLibCheck", async () => {
  const use = `
export async function draw(): Promise<Uint8Array> {
  const pipeline = await Pipeline.load(undefined, { threads: 1 });
  const [image] = await pipeline.generate({ prompt: "x", seed: 7n }, { onStep: ({ step }) => void step.toFixed() });
  // @ts-expect-error a number is no prompt
  await pipeline.generate({ prompt: 1 });
  return encodeImage(image!, { format: "PNG" });
}
export const names: readonly string[] = Object.keys(SCHEDULERS);
export const serve = () => createServer(readConfig({ port: "0" }, process.env));
export const forms = ({ outputType }: ImageInferenceTask): readonly ("URL" | "base64Data" | "dataURI")[] => outputType;
`;
  const names = `{ createServer, encodeImage, Pipeline, readConfig } from "inkstone";
import { SCHEDULERS } from "inkstone/engine";
import type { ImageInferenceTask } from "inkstone/protocol";`;
  await writeFile(join(project, "use.mts"), `import ${names}${use}`);
  await writeFile(join(project, "use.cts"), `import ${names}${use}`);
  const strict = ["--strict", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes"];
  const target = ["--module", "nodenext", "--target", "es2024", "--types", "node"];
  const types = ["--typeRoots", join(root, "node_modules/@types")];
  await inProject(join(bin, "tsc"), ["--noEmit", ...strict, ...target, ...types, "use.mts", "use.cts"]).catch(
    ({ stdout }) => expect.fail(stdout),
  );
});

/** The samples of a page, by the language of their fence. */
async function samples(page: string): Promise<{ language: string; code: string }[]> {
  const text = await readFile(join(root, page), "utf8");
  return [...text.matchAll(/^```(\w+)\n(.*?)^```/gms)].map(([, language, code]) => ({
    language: language!,
    code: code!,
  }));
}

test("the first sample of the library runs unchanged", async () => {
  const [sample] = (await samples("docs/node/library.md")).filter(({ code }) => code.includes('from "inkstone"'));
  await writeFile(join(project, "sample.mts"), sample!.code);
  const { stdout } = await inProject(nodes.newest, ["sample.mts"]);
  expect(stdout.trim().split("\n").at(-1)).toBe("20/20");
  expect(await decodeImage(await readFile(join(project, "sign.png")))).toMatchObject({ width: 256, height: 256 });
});

test("the samples for clients run unchanged with the installed server, and end", async () => {
  const data = join(folder, "data");
  await installModel(data); // draws in no time
  const env = { ...process.env, INKSTONE_DATA_DIR: data, INKSTONE_PORT: "0" };
  server = spawn(nodes.newest, [command, "serve"], { cwd: project, env, stdio: ["ignore", "pipe", "ignore"] });
  let said = "";
  server.stdout!.on("data", (chunk) => (said += chunk));
  await expect.poll(() => said, { timeout: 200_000, interval: 50 }).toMatch(/^inkstone listening on \S+\n/);
  const here = new URL(/http:\S+/.exec(said)![0]).host;

  const programs: Readonly<Record<string, readonly string[]>> = {
    bash: ["bash"],
    javascript: [nodes.newest],
    ...(process.env.INKSTONE_TEST_PYTHON && { python: [resolve(process.env.INKSTONE_TEST_PYTHON)] }),
  };
  const extensions = { bash: "sh", javascript: "mjs", python: "py" } as const;
  const all = [...(await samples("README.md")), ...(await samples("docs/apps/clients.md"))];
  const found = all.filter(({ language, code }) => language in extensions && code.includes("127.0.0.1:7437"));
  expect(new Set(found.map(({ language }) => language))).toEqual(new Set(["bash", "javascript", "python"]));
  const fresh = () => crypto.randomUUID(); // each new task needs its own
  for (const [i, { language, code }] of found.entries()) {
    const program = programs[language];
    if (program === undefined) continue;
    const file = `sample-${i}.${extensions[language as keyof typeof extensions]}`;
    const text = code.replaceAll("127.0.0.1:7437", here).replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, fresh);
    await writeFile(join(project, file), text);
    const { stdout } = await inProject(program[0]!, [file]);
    const [, address] = new RegExp(`(http://${here}/images/[\\w-]+\\.\\w+)`).exec(stdout) ?? [];
    expect(address, `${language}: ${stdout}`).toBeDefined();
    expect((await fetch(address!)).status).toBe(200);
  }
});
