/**
 * Official clients from the oldest that work to the newest, unmodified, while the server is killed and started again in mid-session:
 * each draws, is refused, waits, and draws again. `.ci/run` sets them up; README and `docs/apps/clients.md` name their versions.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";

// Eight programs and a server on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 400_000 });

const { INKSTONE_TEST_CLIENTS, INKSTONE_TEST_PYTHON: python, INKSTONE_TEST_PYTHON_SDK: sdk } = process.env;
const clients = INKSTONE_TEST_CLIENTS && resolve(INKSTONE_TEST_CLIENTS);
const KEY = "contract-key-of-some-length";
const script = (name: string) => resolve("test/contract/clients", name);

interface Run {
  readonly said: Map<string, unknown>;
  readonly errors: () => string;
  readonly waiting: Promise<void>;
  readonly ended: Promise<void>;
  goOn(): void;
}

function run(program: string, args: readonly string[], env: Record<string, string> = {}): Run {
  const child: ChildProcess = spawn(program, args, {
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const said = new Map<string, unknown>();
  let errors = "";
  child.stderr!.on("data", (chunk) => {
    errors += chunk;
  });
  const over = new Promise<void>((done) => child.once("close", () => done()));
  const waiting = new Promise<void>((done) => {
    createInterface({ input: child.stdout! }).on("line", (line) => {
      if (!line.startsWith("{")) return;
      const { step, value } = JSON.parse(line);
      said.set(step, value);
      if (step === "waiting") done();
    });
    void over.then(done);
  });
  const clock = setTimeout(() => child.kill("SIGKILL"), 240_000);
  const ended = over.then(() => clearTimeout(clock));
  return { said, errors: () => errors, waiting, ended, goOn: () => void child.stdin!.end("go on\n") };
}

const node = (args: readonly string[]): Run => run(process.execPath, ["--experimental-import-meta-resolve", ...args]);

/** Each client by name and version, and how its program is started against a server. */
const CLIENTS: Record<string, (http: string, socket: string) => Run> = {
  "PyPI runware 0.4.47": (_, socket) =>
    run(python!, [script("pypi_runware.py"), socket, KEY], { PYTHONPATH: join(clients!, "runware-0.4.47") }),
  "PyPI runware 0.5.8": (_, socket) =>
    run(python!, [script("pypi_runware.py"), socket, KEY], { PYTHONPATH: join(clients!, "runware-0.5.8") }),
  "PyPI runware 0.5.24": (_, socket) => run(python!, [script("pypi_runware.py"), socket, KEY]),
  "PyPI runware-sdk 1.8.0, WebSocket": (http, socket) =>
    run(sdk!, [script("pypi_runware_sdk.py"), http, socket, KEY, "websocket"]),
  "PyPI runware-sdk 1.8.0, REST": (http, socket) =>
    run(sdk!, [script("pypi_runware_sdk.py"), http, socket, KEY, "rest"]),
  "npm @runware/sdk-js 1.1.5": (_, socket) => node([script("sdk-js.mjs"), join(clients!, "npm"), socket, KEY]),
  "npm @runware/sdk-js 1.3.2": (_, socket) => node([script("sdk-js.mjs"), resolve("."), socket, KEY]),
  "npm @runware/ai-sdk-provider 1.0.0 with ai 5": (http) =>
    node([script("ai-sdk.mjs"), join(clients!, "npm"), http, KEY]),
  "npm @runware/ai-sdk-provider 2.0.0 with ai 6": (http) => node([script("ai-sdk.mjs"), resolve("."), http, KEY]),
};

test.each(Object.keys(CLIENTS))("the pages name the tested version of %s", async (name) => {
  const [, pack, version] = /^\w+ (\S+) ([\d.]+)/.exec(name)!;
  for (const page of ["README.md", "docs/apps/clients.md"]) {
    const lines = (await readFile(page, "utf8")).split("\n").filter((line) => line.includes(`\`${pack}\``));
    expect(lines.join("\n"), page).toContain(version);
  }
});

if (!clients) console.warn("test/contract/clients: skipped, INKSTONE_TEST_CLIENTS names no folder of clients");

describe.skipIf(!clients || !python || !sdk)("clients (skipped without INKSTONE_TEST_CLIENTS)", () => {
  let folder: string;
  let server: ServerProcess;
  const runs = new Map<string, Run>();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "inkstone-clients-"));
    server = await startServerProcess(folder, { INKSTONE_API_KEYS: KEY });
    const base = await server.ready;
    for (const [name, start] of Object.entries(CLIENTS)) {
      runs.set(name, start(`${base}/v1`, `${base.replace("http", "ws")}/v1`));
    }
    await Promise.all([...runs.values()].map(({ waiting }) => waiting));
    await server.kill();
    server = await startServerProcess(folder, { INKSTONE_API_KEYS: KEY, INKSTONE_PORT: new URL(base).port });
    await server.ready;
    for (const client of runs.values()) client.goOn();
    await Promise.all([...runs.values()].map(({ ended }) => ended));
  });
  afterAll(async () => {
    await server?.kill();
    await rm(folder, { recursive: true, force: true });
  });

  test.each(Object.keys(CLIENTS))("%s", (name) => {
    const { said, errors } = runs.get(name)!;
    expect(Object.fromEntries(said), errors()).toEqual({
      picture: [7],
      three: [10, 11, 12],
      refusal: expect.stringMatching(/width/i),
      waiting: true,
      again: [8],
    });
  });
});
