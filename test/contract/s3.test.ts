/** The real server with its images in a bucket on a real S3 server: results, uploads, addresses, deletion, outages. */

import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { inkstone } from "../cli.ts";
import { NO_S3, type S3Server, startS3Server } from "../support/s3-server.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { aTask } from "../support/tasks.ts";

const asynchronous = (fields: Parameters<typeof aTask>[0] = {}) =>
  aTask({ deliveryMethod: "async", outputFormat: "PNG", ...fields });

describe.skipIf(NO_S3)("images in a bucket", () => {
  let s3: S3Server;
  let folder: string;
  const servers: ServerProcess[] = [];
  beforeEach(async () => {
    s3 = await startS3Server();
    folder = await mkdtemp(join(tmpdir(), "inkstone-s3-"));
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      await server.kill();
    }
    await s3.remove();
    await rm(folder, { recursive: true, force: true });
  });

  const start = async (env: Record<string, string> = {}) => {
    const server = await startServerProcess(folder, {
      INKSTONE_STORAGE: `s3://${s3.bucket}/ink`,
      INKSTONE_S3_ENDPOINT: s3.endpoint,
      ...env,
    });
    servers.push(server);
    return server;
  };
  const stored = () => readdir(join(s3.folder, "ink")).catch(() => []);

  test("a result is in the bucket, is served, and the data folder stays empty", async () => {
    const server = await start();
    const task = asynchronous();
    await server.submit(task);
    const [image] = (await server.final(task.task.taskUUID)).data;
    const response = await fetch(image!.imageURL!);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("image/png");
    expect((await stored()).map((name) => name.slice(0, 36))).toEqual([image!.imageUUID]);
    expect(await readdir(folder)).not.toContain("images");
  });

  test("redirect: the address of the image redirects to the bucket; a public address replaces it", async () => {
    const server = await start({ INKSTONE_IMAGE_DELIVERY: "redirect", INKSTONE_ALLOWED_ADDRESSES: "" });
    const task = asynchronous();
    await server.submit(task);
    const [image] = (await server.final(task.task.taskUUID)).data;
    const response = await fetch(image!.imageURL!, { redirect: "manual" });
    expect(response.status).toBe(307);
    expect(response.headers.get("location")).toMatch(
      new RegExp(`^${s3.endpoint}/${s3.bucket}/ink/${image!.imageUUID}`),
    );
    expect((await fetch(image!.imageURL!)).status).toBe(200);
    // The bucket is at a private address, where nothing is fetched from: both addresses are read from the store.
    for (const address of [image!.imageURL, response.headers.get("location")]) {
      const upload = { taskType: "imageUpload", taskUUID: crypto.randomUUID(), image: address };
      expect(await server.post(JSON.stringify(upload))).toMatchObject({ status: 200 });
    }
  });

  test("an outage of the bucket: no new tasks, nothing lost, service returns without a restart", async () => {
    const server = await start();
    await server.ready;
    await s3.stop();
    const task = asynchronous();
    await server.submit(task);
    const base = await server.ready;
    await expect.poll(async () => (await fetch(`${base}/readyz`)).status, { timeout: 60_000 }).toBe(503);
    await s3.start();
    const [image] = (await server.final(task.task.taskUUID)).data;
    expect((await fetch(image!.imageURL!)).status).toBe(200);
  });

  test("a missing bucket stops the start with its name", async () => {
    const server = await start({ INKSTONE_STORAGE: "s3://nowhere-at-all" });
    await expect(server.ready).rejects.toThrow(/nowhere-at-all/);
  });

  test("a model that another machine shared is used, with all its weights downloaded", async () => {
    const place = `s3://${s3.bucket}/models`;
    const flags = ["--models-store", place, "--s3-endpoint", s3.endpoint];
    const elsewhere = { cwd: process.cwd(), env: { INKSTONE_MODELS_DIR: join(folder, "elsewhere") } };
    await inkstone(["models", "add", "test/fixtures/plain/checkpoint", "--air", "me:shared@1"], elsewhere);
    const shared = await inkstone(["models", "share", "me:shared@1", ...flags], elsewhere);
    expect(shared).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^shared me:shared@1: \d+ files, 1\.\d MB sent/),
    });

    const server = await start({ INKSTONE_MODELS_STORE: place });
    const task = asynchronous({ model: "me:shared@1" });
    await server.submit(task);
    expect((await server.final(task.task.taskUUID)).data).toHaveLength(1);
    const gone = await inkstone(["models", "unshare", "me:shared@1", ...flags], elsewhere);
    expect(gone).toMatchObject({ code: 0 });
    expect(await readdir(join(s3.folder, "models")).catch(() => [])).toEqual([]);
  });
});
