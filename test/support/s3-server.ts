/** A real S3 server for tests: versitygw over a temporary folder. INKSTONE_TEST_S3_SERVER names its program. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./free-port.ts";

const PROGRAM = process.env.INKSTONE_TEST_S3_SERVER;

export const NO_S3 = PROGRAM === undefined ? "INKSTONE_TEST_S3_SERVER is not set" : undefined;

export type S3Server = Awaited<ReturnType<typeof startS3Server>>;

/** Starts a server with one bucket, `pictures`. Its credentials are put into the environment, where the SDK looks for them. */
export async function startS3Server() {
  const folder = await mkdtemp(join(tmpdir(), "inkstone-s3-"));
  const bucket = "pictures";
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const root = join(folder, "buckets");
  await mkdir(join(root, bucket), { recursive: true });
  process.env.AWS_ACCESS_KEY_ID = "inkstone";
  process.env.AWS_SECRET_ACCESS_KEY = "inkstone-secret";
  let child: ChildProcess | undefined;

  const start = async () => {
    const env = { ...process.env, ROOT_ACCESS_KEY: "inkstone", ROOT_SECRET_KEY: "inkstone-secret" };
    child = spawn(PROGRAM!, ["--port", address, "--quiet", "posix", "--nometa", root], { env, stdio: "ignore" });
    for (let tries = 0; tries < 200; tries++) {
      if (await fetch(`http://${address}/`).then(Boolean, () => false)) return;
      await sleep(50);
    }
    throw new Error("the S3 server did not start within 10 s");
  };
  const stop = async () => {
    const running = child;
    child = undefined;
    if (!running || running.exitCode !== null) return;
    const gone = new Promise((resolve) => running.once("exit", resolve));
    running.kill("SIGKILL");
    await gone;
  };
  await start();
  return {
    endpoint: `http://${address}`,
    bucket,
    /** Where the objects lie. */
    folder: join(root, bucket),
    start,
    stop,
    async remove() {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
