/** A folder in which examples run as a reader runs them: the command, the packages, a server, some files. */

import { spawn } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { encodeImage } from "../../src/pictures/index.ts";
import { type ContractServer, installModel } from "../contract/server.ts";

const ROOT = resolve(import.meta.dirname, "../..");

/** Milliseconds after which a run is stopped, on a busy machine too. */
const LONGEST = 200_000;

/** Packages that examples import, besides `inkstone`. */
const PACKAGES = ["@runware", "@types", "ai", "express", "openai", "standardwebhooks", "ws"];

/** Pythons by the client that they have, as the environment names them. */
const PYTHONS = {
  /** PyPI `runware` */
  older: { program: process.env.INKSTONE_TEST_PYTHON },
  /** PyPI `runware-sdk` */
  newer: { program: process.env.INKSTONE_TEST_PYTHON_SDK },
  openai: {
    program: process.env.INKSTONE_TEST_CLIENTS && process.env.INKSTONE_TEST_PYTHON,
    path: join(process.env.INKSTONE_TEST_CLIENTS ?? "", "openai"),
  },
} as const;

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Workspace {
  readonly folder: string;
  /** Writes a file, with the addresses of the documentation changed to those of the server. */
  write(name: string, text: string): Promise<void>;
  /** Runs a file by its ending. `forever`: it is to go on, and is stopped after its first line or a few seconds. */
  run(name: string, options?: { readonly forever?: boolean; readonly env?: NodeJS.ProcessEnv }): Promise<Ran>;
  remove(): Promise<void>;
}

export async function createWorkspace(server: ContractServer): Promise<Workspace> {
  const folder = await mkdtemp(join(tmpdir(), "inkstone-snippets-"));
  const data = join(folder, "data");
  await installModel(data);
  await linkPackages(folder);
  await installCommand(folder);
  await writeFiles(folder);
  const texts = new Map<string, string>();
  const here = { base: server.base, socket: server.socketUrl.replace("/v1", "") };

  return {
    folder,
    async write(name, text) {
      texts.set(name, text);
      await writeFile(join(folder, name), adapted(text, here));
    },
    async run(name, { forever = false, env = {} } = {}) {
      const python = name.endsWith(".py") ? pythonFor(texts.get(name) ?? "") : undefined;
      const programs = { sh: "bash", ts: process.execPath, mjs: process.execPath, py: python?.program ?? "python3" };
      const program = programs[name.split(".").pop() as keyof typeof programs];
      const args = name.endsWith(".sh") ? ["-euo", "pipefail", name] : [name];
      const child = spawn(program, args, {
        cwd: folder,
        detached: true, // so that what it starts can be stopped with it
        env: {
          ...process.env,
          PATH: `${join(folder, "bin")}:${process.env.PATH}`,
          INKSTONE_DATA_DIR: data,
          SERVER_URL: server.base,
          INKSTONE_WEBHOOK_SECRET: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
          ...(python?.path && { PYTHONPATH: python.path }),
          ...env,
        },
        stdio: ["ignore", "pipe", "pipe"],
      });
      const ran = { code: null as number | null, out: "", err: "" };
      const stop = () => child.exitCode === null && process.kill(-child.pid!, "SIGKILL");
      child.stdout.on("data", (text) => {
        ran.out += text;
        if (forever) stop();
      });
      child.stderr.on("data", (text) => {
        ran.err += text;
      });
      const timer = setTimeout(stop, forever ? 5000 : LONGEST);
      ran.code = await new Promise((done) => child.once("close", done));
      clearTimeout(timer);
      return ran;
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** The Python that has what a file imports; `program` is undefined where there is none. */
export function pythonFor(text: string): { readonly program?: string | undefined; readonly path?: string } {
  if (/^import openai\b/m.test(text)) return PYTHONS.openai;
  return text.includes("http_base_url") ? PYTHONS.newer : PYTHONS.older;
}

/** Addresses that the documentation names, as they are here; nothing listens beyond loopback. */
function adapted(text: string, { base, socket }: { readonly base: string; readonly socket: string }): string {
  return text
    .replaceAll("http://127.0.0.1:7437", base)
    .replaceAll("ws://127.0.0.1:7437", socket)
    .replaceAll("0.0.0.0", "127.0.0.1")
    .replaceAll(".listen(3000)", ".listen(0)");
}

async function linkPackages(folder: string): Promise<void> {
  const packages = join(folder, "node_modules");
  await mkdir(join(packages, "inkstone"), { recursive: true });
  for (const name of PACKAGES) await symlink(join(ROOT, "node_modules", name), join(packages, name));
  // Node strips no types below node_modules: the package leads to the sources.
  const parts = { ".": "index", "./engine": "engine/index", "./protocol": "protocol/index" };
  const exports: Record<string, object> = {};
  for (const [path, file] of Object.entries(parts)) {
    const name = file.replace("/", "-");
    const text = `export * from ${JSON.stringify(join(ROOT, "src", `${file}.ts`))};\n`;
    await writeFile(join(packages, "inkstone", `${name}.js`), text);
    await writeFile(join(packages, "inkstone", `${name}.d.ts`), text);
    exports[path] = { types: `./${name}.d.ts`, default: `./${name}.js` };
  }
  await writeFile(
    join(packages, "inkstone", "package.json"),
    JSON.stringify({ name: "inkstone", type: "module", exports }),
  );
  await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  const options = {
    extends: join(ROOT, "tsconfig.json"),
    compilerOptions: { lib: ["esnext", "dom"], noUncheckedIndexedAccess: false },
  };
  await writeFile(
    join(folder, "tsconfig.json"),
    JSON.stringify({ ...options, include: ["*.ts", join(ROOT, "src/**/*.d.ts")], exclude: [] }),
  );
}

/** `inkstone`, on a free port; a server that has said where it listens is stopped. */
async function installCommand(folder: string): Promise<void> {
  const program = `#!${process.execPath}
import { spawn } from "node:child_process";
const args = process.argv.slice(2);
const child = spawn(process.execPath, [${JSON.stringify(join(ROOT, "bin/inkstone.mjs"))}, ...args], {
  stdio: ["inherit", "pipe", "inherit"],
  env: { ...process.env, INKSTONE_PORT: "0" },
});
let served = false;
child.stdout.on("data", (text) => {
  process.stdout.write(text);
  if (args[0] !== "serve" || !/listening/.test(text)) return;
  served = true;
  child.kill("SIGTERM");
});
child.on("close", (code) => process.exit(served ? 0 : (code ?? 1)));
`;
  await mkdir(join(folder, "bin"));
  await writeFile(join(folder, "bin/package.json"), '{"type":"module"}');
  await writeFile(join(folder, "bin/inkstone"), program);
  await chmod(join(folder, "bin/inkstone"), 0o755);
}

/** Files that examples name as the reader's own. */
async function writeFiles(folder: string): Promise<void> {
  await cp(join(ROOT, "test/fixtures/photos/astronaut.jpg"), join(folder, "photo.jpg"));
  const task = {
    taskType: "imageInference",
    model: "runware:108@1",
    positivePrompt: 'A sign that says "TEA"',
    steps: 2,
  };
  await writeFile(join(folder, "task.json"), JSON.stringify({ ...task, width: 128, height: 128 }));
  const blank = { width: 64, height: 64, pixels: new Uint8Array(64 * 64 * 3).fill(90) };
  for (const name of ["sign.png", "edges.png"])
    await writeFile(join(folder, name), await encodeImage(blank, { format: "PNG" }));
  await symlink(join(ROOT, "models"), join(folder, "models"));
}
