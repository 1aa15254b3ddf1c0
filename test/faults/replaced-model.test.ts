/** A model is pulled again, and the process is killed at each change of its folder: it stays whole, the earlier or the new one. */

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { inkstone } from "../cli.ts";
import { type StandInHub, startHub } from "../stand-ins/hub.ts";
import { filesIn } from "../support/files-in.ts";

const BIN = resolve("bin/inkstone.mjs");

let cwd: string;
let hub: StandInHub;
let env: Record<string, string>;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "inkstone-replaced-"));
  hub = await startHub(await filesIn(resolve("test/fixtures/half/checkpoint")));
  env = { INKSTONE_MODELS_DIR: join(cwd, "models"), INKSTONE_DATA_DIR: cwd, HF_ENDPOINT: hub.url, NO_COLOR: "1" };
});
afterEach(async () => {
  hub.close();
  await rm(cwd, { recursive: true });
});

/** Preloaded into the command: kills the process before its n-th change of a path that contains `place`. */
const killer = (place: string, n: number) => `
  import fs from "node:fs";
  import { syncBuiltinESMExports } from "node:module";
  let left = ${n};
  for (const name of ["rename", "rm", "writeFile"]) {
    const real = fs.promises[name];
    fs.promises[name] = (...args) => {
      const touches = args.some((arg) => typeof arg === "string" && arg.includes(${JSON.stringify(place)}));
      if (touches && --left === 0) process.kill(process.pid, "SIGKILL");
      return real(...args);
    };
  }
  syncBuiltinESMExports();`;

/** Pulls the model. True when the process was killed. */
async function pullKilled(place: string, n: number, ...flags: string[]): Promise<boolean> {
  const preload = join(cwd, `kill-${n}.mjs`);
  await writeFile(preload, killer(place, n));
  const args = ["--import", preload, BIN, "models", "pull", "me/model", "--air", "me:m@1", ...flags];
  return promisify(execFile)(process.execPath, args, { cwd, env: { ...process.env, ...env }, timeout: 200_000 }).then(
    () => false,
    (error) => {
      if (error.signal !== "SIGKILL") throw error;
      return true;
    },
  );
}

/** The bytes of an image by the installed model. */
async function draw(): Promise<Buffer> {
  const size = ["--width", "128", "--height", "128", "--steps", "1", "--seed", "1", "--overwrite"];
  const { code, err } = await inkstone(["generate", "a", "--model", "me:m@1", ...size, "--out", "a.png"], { cwd, env });
  expect(code, err).toBe(0);
  return readFile(join(cwd, "a.png"));
}

const named = async () => /\n {2}(.+), installed/.exec((await inkstone(["models", "list"], { cwd, env })).out)?.[1];

test("a converted model, killed at each step of its replacement", async () => {
  expect(await pullKilled("nowhere", 1, "--weights", "int8", "--name", "Round 0")).toBe(false);
  const image = await draw();
  let before = "Round 0";
  let n = 1;
  for (; await pullKilled("me+m@1", n, "--weights", "int8", "--name", `Round ${n}`); n++) {
    expect([before, `Round ${n}`]).toContain(await named());
    expect(Buffer.compare(await draw(), image)).toBe(0);
    before = (await named())!;
  }
  expect(n).toBeGreaterThan(3);
  expect(await named()).toBe(`Round ${n}`);
  expect(Buffer.compare(await draw(), image)).toBe(0);
});
