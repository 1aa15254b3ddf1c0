/** Commands on a full disk, and a server on a port that it may not have: what happened, where, what to do. */

import { execFile, execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { pullCheckpoint } from "../../src/models/install/index.ts";
import { startHub } from "../stand-ins/hub.ts";
import { filesIn } from "../support/files-in.ts";

const BIN = resolve("bin/inkstone.mjs");
const CHECKPOINT = resolve("test/fixtures/plain/checkpoint");

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-commands-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function inkstone(args: readonly string[], { uid }: { readonly uid?: number } = {}) {
  const env = { ...process.env, INKSTONE_DATA_DIR: join(folder, "data"), NO_COLOR: "1" };
  return spawnSync(process.execPath, [BIN, ...args], {
    cwd: folder,
    env,
    encoding: "utf8",
    timeout: 200_000,
    ...(uid && { uid }),
  });
}

const root = process.getuid?.() === 0;
const mounts = root && spawnSync("unshare", ["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).status === 0;

describe.skipIf(!mounts)("on a full disk (skipped without the right to mount)", () => {
  /** A small disk with nothing left on it. */
  async function fullDisk(name: string, left = 0, size = 256 * 1024): Promise<string> {
    const disk = join(folder, name);
    await mkdir(disk, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", disk]);
    await writeFile(join(disk, "filler"), Buffer.alloc(size - left)).catch(() => {});
    return disk;
  }
  afterEach(() => {
    for (const name of ["out", "data/models"]) spawnSync("umount", ["-l", join(folder, name)]);
  });

  test("generate leaves no partial image, and reports the remedy", async () => {
    const disk = await fullDisk("out", 4096);
    const draw = ["generate", "a", "--model", CHECKPOINT, "--width", "256", "--height", "256", "--steps", "1"];
    const { status, stderr } = inkstone([...draw, "--out", "out/"]);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/ENOSPC.*The disk is full. Free some space.*--out/)]);
    expect(await readdir(disk)).toEqual(["filler"]);
  });

  test("models add registers nothing, and reports the remedy", async () => {
    const disk = await fullDisk("data/models", 100 * 1024);
    const { status, stderr } = inkstone(["models", "add", CHECKPOINT, "--air", "test:full@1", "--weights", "int8"]);
    const refused = /it needs [\d.]+ GB of disk space; [\d.e-]+ GB are free\. .* INKSTONE_MODELS_DIR/;
    expect([status, stderr]).toEqual([1, expect.stringMatching(refused)]);
    expect((await readdir(disk, { recursive: true })).sort()).toEqual([".parts", "filler"]);
    expect(inkstone(["models", "list"]).stdout).not.toContain("test:full@1");
  });

  test("a server that pulls onto a disk that it may not write reports the disk, not the download", async () => {
    const models = join(folder, "data/models");
    await mkdir(models, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64m", "tmpfs", models]);
    await mkdir(join(models, ".hub/me/model/main~new"), { recursive: true });
    execFileSync("mount", ["-o", "remount,ro", models]);
    const hub = await startHub(await filesIn(resolve("test/fixtures/half/checkpoint")));
    vi.stubEnv("HF_ENDPOINT", hub.url);
    try {
      const locations = { modelsDir: models, bundledDir: resolve("models/nano") };
      const job = { repo: "me/model", revision: "main", naming: { air: "test:full@1" }, locations };
      const pulled = pullCheckpoint(job, new AbortController().signal, () => {});
      await expect(pulled).rejects.toMatchObject({ code: "EROFS" });
    } finally {
      vi.unstubAllEnvs();
      hub.close();
    }
  });

  test("models pull asks for nothing large when there is no room", async () => {
    const hub = await startHub(await filesIn(resolve("test/fixtures/half/checkpoint")));
    try {
      await fullDisk("data/models", 256 * 1024, 2 ** 20);
      for (const mode of ["keep", "int8"]) {
        const args = [BIN, "models", "pull", "me/model", "--air", "test:full@1", "--weights", mode];
        const env = { ...process.env, INKSTONE_DATA_DIR: join(folder, "data"), HF_ENDPOINT: hub.url, NO_COLOR: "1" };
        const pull = promisify(execFile)(process.execPath, args, { env, timeout: 200_000 });
        await expect(pull).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(/it needs .* GB of disk/) });
      }
      expect(hub.asked.filter((path) => path.includes(".safetensors"))).toEqual([]);
    } finally {
      hub.close();
    }
  });

  test("models pull does not download twice, registers nothing, reports the remedy, and continues once there is room", async () => {
    const lora = await readFile(resolve("test/fixtures/lora/files/peft.safetensors"));
    const hub = await startHub({ "a.safetensors": Buffer.concat([lora, Buffer.alloc(2 ** 20)]) });
    // Not spawned in sync: the hub answers from this process.
    const pull = () => {
      const env = { ...process.env, INKSTONE_DATA_DIR: join(folder, "data"), HF_ENDPOINT: hub.url, NO_COLOR: "1" };
      const args = [BIN, "models", "pull", "me/model", "--kind", "lora", "--air", "test:full@1"];
      return promisify(execFile)(process.execPath, args, { env, timeout: 200_000 });
    };
    try {
      const disk = await fullDisk("data/models", 512 * 1024, 2 ** 21);
      const { code, stderr } = await pull().then(
        () => ({ code: 0, stderr: "" }),
        (failed) => failed,
      );
      const refused = /error: (\S+) cannot be downloaded: ENOSPC.*repeat the command to continue.*disk is full/;
      expect([code, stderr]).toEqual([1, expect.stringMatching(refused)]);
      const path = refused.exec(stderr)![1]!;
      expect(hub.asked.filter((asked) => asked.startsWith(path))).toEqual([`${path} 0`]);
      expect(inkstone(["models", "list"]).stdout).not.toContain("test:full@1");
      await rm(join(disk, "filler"));
      expect((await pull()).stdout).toContain("test:full@1");
      const asked = hub.asked.filter((asked) => asked.startsWith(path));
      expect([asked.length, Number(asked[1]!.split(" ")[1])]).toEqual([2, expect.toSatisfy((from) => from > 0)]);
    } finally {
      hub.close();
    }
  });
});

const lowestPort = () => Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8"));
const guarded = root && process.platform === "linux" && lowestPort() > 80;

test.skipIf(!guarded)("a forbidden port (skipped unless root can try as another user)", async () => {
  await chmod(folder, 0o777);
  const { status, stderr } = inkstone(["serve", "--port", "80"], { uid: 65534 });
  expect(status).toBe(1);
  expect(stderr).toMatch(/port 80 of 127\.0\.0\.1 is not permitted: ports below 1024.*/);
});
