import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtemp, open, readdir, rm } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { tinyCheckpoint } from "../../test/cli.ts";
import { version } from "../version.ts";

const main = fileURLToPath(new URL("main.ts", import.meta.url));

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "inkstone-main-"));
});
afterEach(() => rm(cwd, { recursive: true }));

function start(args: string[], onStderr: (text: string, child: ChildProcess) => void = () => {}) {
  const child = spawn(process.execPath, [main, ...args], { cwd, env: { ...process.env, NO_COLOR: "1" } });
  const ended = new Promise<{ code: number | null; out: string; err: string }>((done) => {
    let [out, err] = ["", ""];
    child.stdout.on("data", (text) => (out += text));
    child.stderr.on("data", (text) => {
      err += text;
      onStderr(err, child);
    });
    // A signal as shells tell it.
    child.on("close", (code, signal) => done({ code: signal ? 128 + constants.signals[signal] : code, out, err }));
  });
  return { child, ended };
}

const run = (...how: Parameters<typeof start>) => start(...how).ended;

describe("the process", () => {
  test("--version and --help need neither ONNX Runtime nor a second of time", async () => {
    expect(await run(["--version"])).toEqual({ code: 0, out: `${version}\n`, err: "" });
    const help = await run(["generate", "--help"]);
    expect([help.code, help.err]).toEqual([0, ""]);
    expect(help.out).toContain("--negative <text>");
  });

  test("a wrong flag: exit code 2, one line, no stack, no colours with NO_COLOR", async () => {
    const { code, out, err } = await run(["generate", "a", "--steps", "0"]);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(/^error: --steps: .*\n$/);
  });

  test("help and version work as commands; a usage error of a subcommand exits with 2", async () => {
    expect(await run(["version"])).toEqual({ code: 0, out: `${version}\n`, err: "" });
    const help = await run(["help", "generate"]);
    expect([help.code, help.err]).toEqual([0, ""]);
    expect(help.out).toMatch(/^Usage: inkstone generate/);
    expect(await run(["models", "add"])).toMatchObject({ code: 2, err: "error: missing required argument 'path'\n" });
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s stops within a step and leaves no partial file", async (signal, expected) => {
    const size = ["--width", "256", "--height", "256", "--steps", "50", "--number", "20"];
    const { code, out, err } = await run(["generate", "x", "--model", tinyCheckpoint, ...size], (heard, child) => {
      if (heard.includes("step") && !child.killed) child.kill(signal);
    });
    expect(code).toBe(expected);
    const finished = out.split("\n").length - 1;
    expect(err).toContain(`stopped: ${finished} of 20 images finished`);
    expect(finished).toBeLessThan(20);
    expect(await readdir(cwd)).toHaveLength(finished);
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("a second %s ends at once a command that does not handle the first", async (signal, expected) => {
    const pipe = join(cwd, "pipe");
    execFileSync("mkfifo", [pipe]);
    const { child, ended } = start(["inspect", pipe]);
    const silent = await open(pipe, "w"); // it reads now, and nothing comes
    const pressing = setInterval(() => child.kill(signal), 400);
    expect((await ended).code).toBe(expected);
    clearInterval(pressing);
    await silent.close();
  });
});
