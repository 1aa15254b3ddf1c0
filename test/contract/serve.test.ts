/** `inkstone serve` as a process: the line it prints, how it stops, and what it refuses. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SAME_PRESS_MS } from "../../src/cli/stop-signals.ts";
import { openDatabase } from "../../src/server/database/index.ts";
import { metricsOf } from "../support/metrics.ts";
import { inference, post } from "./memory-app.ts";
import { installModel } from "./server.ts";

let folder: string;
const processes: ChildProcess[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-serve-"));
  await installModel(folder);
  // Making a database is slow; opening one is not.
  const database = await openDatabase({ dataDir: join(folder, "database") });
  await database.close();
}, 180_000);
afterAll(async () => {
  for (const process of processes) process.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

function inkstone(command: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, ["src/cli/main.ts", ...command], {
    env: { PATH: process.env.PATH, INKSTONE_DATA_DIR: folder, ...env },
    detached: true, // leads a process group, as a command in a terminal does
  });
  processes.push(child);
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => (output.stdout += chunk));
  child.stderr.on("data", (chunk) => (output.stderr += chunk));
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  return { child, output, ended };
}

async function serve(env: Record<string, string> = {}) {
  const started = inkstone(["serve", "--port", "0"], env);
  const line = /^inkstone listening on (http:\/\/127\.0\.0\.1:\d+)\n$/;
  await expect.poll(() => started.output.stdout, { timeout: 150_000, interval: 50 }).toMatch(line);
  return { ...started, base: line.exec(started.output.stdout)![1]! };
}

test("prints its address, generates, and finishes its work after SIGTERM", { timeout: 400_000 }, async () => {
  const { child, output, ended, base } = await serve();
  expect((await fetch(`${base}/readyz`)).status).toBe(200);

  // Its folder is taken.
  const second = inkstone(["serve", "--port", "0"]);
  expect(await second.ended).toBe(1);
  expect(second.output.stderr).toMatch(/database/);
  expect(second.output.stdout).toBe("");

  const running = post(base, [inference({ width: 128, height: 128, steps: 50, numberResults: 4 })]);
  await expect
    .poll(async () => (await metricsOf(base)).includes('inkstone_tasks{state="running"} 1'), {
      timeout: 100_000,
      interval: 20,
    })
    .toBe(true);
  child.kill("SIGTERM");
  expect((await running).body.data).toHaveLength(4);
  expect(await ended).toBe(0);
  expect(output.stdout.split("\n")).toHaveLength(2);
  for (const line of output.stderr.trim().split("\n")) if (!line.startsWith("stopping")) JSON.parse(line);
  expect(output.stderr).not.toContain("a cat");
});

test("a task that does not finish in time continues after the next start; keys apply", {
  timeout: 400_000,
}, async () => {
  const made = inkstone(["keys", "create", "tests"]);
  expect(await made.ended).toBe(0);
  const key = made.output.stdout.trim();

  const first = await serve({ INKSTONE_SHUTDOWN_GRACE: "0" });
  const task = inference({ width: 128, height: 128, steps: 50, numberResults: 8, deliveryMethod: "async" });
  expect((await post(first.base, [task], { key: "wrong" })).status).toBe(401);
  expect((await post(first.base, [task], { key })).status).toBe(200);
  first.child.kill("SIGTERM");
  expect(await first.ended).toBe(0);

  const next = await serve();
  const poll = async () => {
    const { body } = await post(next.base, [{ taskType: "getResponse", taskUUID: task.taskUUID }], { key });
    return body.data.map(({ status }: { status: string }) => status);
  };
  await expect.poll(poll, { timeout: 150_000, interval: 200 }).toEqual(Array(8).fill("success"));

  const listed = inkstone(["keys", "list"]);
  await listed.ended;
  const [id] = listed.output.stdout.split("  ");
  expect(listed.output.stdout).not.toContain(key);
  expect(await inkstone(["keys", "revoke", id!]).ended).toBe(0);
  // No key is left: nobody may call, for whoever revokes a key does not mean to open a door.
  expect((await post(next.base, [{ taskType: "ping" }], { key: "any" })).status).toBe(403);
  next.child.kill("SIGTERM");
  expect(await next.ended).toBe(0);
  await rm(join(folder, "keys.json"));
});

test("Ctrl-C reaches the engine too, twice under npm: the running task is finished", {
  timeout: 400_000,
}, async () => {
  const { child, output, ended, base } = await serve();
  const running = post(base, [inference({ width: 128, height: 128, steps: 50, numberResults: 4 })]);
  await drawing(base);
  for (let heard = 0; heard < 2; heard++) process.kill(-child.pid!, "SIGINT");
  expect((await running).body.data).toHaveLength(4);
  expect(await ended).toBe(0);
  expect(output.stderr).not.toContain("an attempt failed");
});

test("a second Ctrl-C returns the running task to the queue", { timeout: 400_000 }, async () => {
  const { child, output, ended, base } = await serve();
  // Half a minute of work, so that it is not done before the second signal.
  const size = { model: "inkstone:nano@1", width: 256, height: 256, steps: 50, numberResults: 20 };
  const task = inference({ ...size, deliveryMethod: "async" });
  await post(base, [task]);
  await drawing(base);
  process.kill(-child.pid!, "SIGINT");
  await expect.poll(() => output.stderr).toContain("stopping; signal again to stop at once");
  // Sooner it would be the same press. Only one more: in its last moments Node dies of any.
  await sleep(2 * SAME_PRESS_MS);
  process.kill(-child.pid!, "SIGINT");
  expect(await ended).toBe(0);
  const db = await openDatabase({ dataDir: join(folder, "database") });
  const rows = await db.query("select state, failures, deaths from tasks where task_uuid = $1", [task.taskUUID]);
  await db.close();
  expect(rows).toEqual([{ state: "queued", failures: 0, deaths: 0 }]);
});

test("SIGTERM to npm start stops the server, although the shell between them does not forward it", {
  timeout: 200_000,
}, async () => {
  // Without grace: the task that the test above handed back is handed back again.
  const env = { ...process.env, INKSTONE_DATA_DIR: folder, INKSTONE_PORT: "0", INKSTONE_SHUTDOWN_GRACE: "0" };
  const npm = spawn("npm", ["start"], { env, detached: true });
  processes.push(npm);
  let output = "";
  npm.stdout.on("data", (chunk) => (output += chunk));
  await expect.poll(() => output, { timeout: 150_000, interval: 50 }).toMatch(/^inkstone listening on /m);
  const [, base] = /^inkstone listening on (\S+)$/m.exec(output)!;
  npm.kill("SIGTERM");
  const answers = () =>
    fetch(`${base}/healthz`).then(
      () => true,
      () => false,
    );
  await expect.poll(answers, { timeout: 30_000, interval: 100 }).toBe(false);
  await (await openDatabase({ dataDir: join(folder, "database") })).close(); // given back
});

test("a failed start ends with a message that names the place and the remedy", {
  timeout: 200_000,
}, async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const file = join(folder, "file");
  await writeFile(file, "");
  const database = { INKSTONE_DATABASE_URL: "postgresql://me:secret@127.0.0.1:1/ink" };
  for (const [args, env, message] of [
    [["--port", `${port}`], {}, `port ${port} of 127.0.0.1 is in use by another program`],
    [["--host", "192.0.2.1", "--port", "0"], {}, "192.0.2.1 is not an address of this machine"],
    [["--data-dir", file], {}, `the data folder ${file} cannot be used: it, or one of its parent folders, is a file`],
    [["--database-wait", "0"], database, "PostgreSQL at 127.0.0.1:1/ink cannot be reached (the database is not"],
  ] as const) {
    const { ended, output } = inkstone(["serve", ...args], env);
    expect([await ended, output.stdout]).toEqual([1, ""]);
    expect(output.stderr).toContain(`error: ${message}`);
    expect(output.stderr).not.toContain("secret");
  }
  taken.close();
});

test.runIf(process.platform === "linux")(
  "on a terminal: a banner instead of JSON, and a warning if other machines have access without keys",
  {
    timeout: 200_000,
  },
  async () => {
    const fresh = join(folder, "fresh");
    const command = `${process.execPath} bin/inkstone.mjs serve --port 0 --host 0.0.0.0`;
    const env = { ...process.env, INKSTONE_DATA_DIR: fresh, NO_COLOR: "1" };
    const child = spawn("script", ["-qec", command, "/dev/null"], { env, stdio: ["ignore", "pipe", "pipe"] });
    processes.push(child);
    let shown = "";
    child.stdout.on("data", (chunk) => (shown += chunk));
    await expect.poll(() => shown, { timeout: 150_000, interval: 50 }).toMatch(/Ctrl-C stops it/);
    expect(shown).toMatch(/warning: open to other machines, but their requests are refused without an API key/);
    const [, base] = /^inkstone listening on (\S+)\r$/m.exec(shown)!;
    for (const line of [
      `page    ${base}/`,
      `documented at ${base}/docs`,
      "model   Inkstone nano",
      "device  cpu",
      fresh,
    ]) {
      expect(shown).toContain(line);
    }
    expect(shown).not.toContain("{");
    const { pid } = /"pid":(?<pid>\d+)/.exec(await lockFile(fresh))!.groups!;
    process.kill(Number(pid), "SIGTERM");
    await once(child, "close");
  },
);

async function lockFile(data: string): Promise<string> {
  const name = (await readdir(data)).find((each) => each.startsWith("database.lock."))!;
  return readFile(join(data, name), "utf8");
}

test("refuses invalid settings by name", { timeout: 100_000 }, async () => {
  const { ended, output } = inkstone(["serve", "--port", "99999"]);
  expect(await ended).toBe(2);
  expect(output.stderr).toContain('--port is "99999"; it must be an integer value between 0 and 65535');
});

/** Resolves when the engine has made a step. */
async function drawing(base: string): Promise<void> {
  const metrics = () => metricsOf(base);
  await expect.poll(metrics, { timeout: 100_000, interval: 20 }).toMatch(/inkstone_step_seconds_count [1-9]/);
}
