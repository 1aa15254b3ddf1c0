/** Two API servers and two workers, each with a data folder of its own, on one PostgreSQL and one bucket. */

import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeImage } from "../../src/pictures/index.ts";
import { openDatabase } from "../../src/server/database/index.ts";
import { inkstone } from "../cli.ts";
import { TEST_DATABASES } from "../support/databases.ts";
import { startReceiver } from "../support/receiver.ts";
import { NO_S3, type S3Server, startS3Server } from "../support/s3-server.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { aTask } from "../support/tasks.ts";
import { connect, login } from "./socket-client.ts";

const { open, skip } = TEST_DATABASES.find(({ name }) => name === "postgres")!;
const WHY = skip ?? NO_S3;
const KEY = { authorization: "Bearer any" };

describe.skipIf(WHY !== undefined)(`many machines${WHY === undefined ? "" : ` (skipped: ${WHY})`}`, () => {
  let database: Awaited<ReturnType<typeof open>>;
  let s3: S3Server;
  let folder: string;
  const apis: ServerProcess[] = [];
  const workers: ServerProcess[] = [];
  let bases: string[] = [];

  /** `model`: what it has installed besides the model that all have. */
  async function start(name: string, role: string, model?: string): Promise<ServerProcess> {
    const own = join(folder, name);
    if (model !== undefined) {
      await mkdir(join(own, "models", "own"), { recursive: true });
      await writeFile(join(own, "models", "own", "card.json"), JSON.stringify({ air: model, name }));
    }
    const server = await startServerProcess(own, {
      INKSTONE_ROLE: role,
      INKSTONE_DATABASE_URL: database.url!,
      INKSTONE_STORAGE: `s3://${s3.bucket}/ink`,
      INKSTONE_S3_ENDPOINT: s3.endpoint,
      ...(role === "api" && { INKSTONE_MODELS_DIR: join(own, "none") }),
    });
    await server.ready;
    return server;
  }

  beforeAll(async () => {
    database = await open();
    s3 = await startS3Server();
    folder = await mkdtemp(join(tmpdir(), "inkstone-machines-"));
    workers.push(await start("worker-0", "worker", "me:zero@1"), await start("worker-1", "worker", "me:one@1"));
    apis.push(await start("api-0", "api"), await start("api-1", "api"));
    bases = await Promise.all(apis.map(({ ready }) => ready));
  });
  afterAll(async () => {
    for (const server of [...apis, ...workers]) await server.kill();
    await s3?.remove();
    await database?.drop();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  test("each server knows a sync task of the other, and serves every image", async () => {
    const sent = aTask({ numberResults: 2, outputFormat: "PNG" });
    const { status, body } = await apis[0]!.post(sent.request);
    expect(status).toBe(200);
    expect(body.data).toHaveLength(2);
    const elsewhere = await apis[1]!.standing(sent.task.taskUUID);
    expect(elsewhere.data.map(({ imageUUID }) => imageUUID)).toEqual(body.data.map(({ imageUUID }) => imageUUID));
    for (const { imageURL } of [...body.data, ...elsewhere.data]) {
      for (const base of bases) {
        const response = await fetch(`${base}${new URL(imageURL!).pathname}`);
        expect(response.status).toBe(200);
        expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(100);
      }
    }
  });

  test("a received model is known to every server before the upload is answered, and to none twice", async () => {
    const lora = await readFile("test/fixtures/lora/files/peft.safetensors");
    const files = await startReceiver((_, response) => response.end(lora));
    const upload = (api: ServerProcess, air: string) =>
      api.post(
        JSON.stringify({
          taskType: "modelUpload",
          taskUUID: crypto.randomUUID(),
          category: "lora",
          air,
          name: "Received",
          downloadURL: `${files.url}/lora`,
        }),
      );
    for (const i of [0, 1, 2]) {
      const air = `me:received-${i}@1`;
      // Every server has a list of models that would be fresh for seconds.
      for (const api of apis)
        expect((await api.post(aTask({ lora: [{ model: air, weight: 1, transformer: "both" }] }).request)).status).toBe(
          404,
        );
      expect((await upload(apis[0]!, air)).status).toBe(200);
      for (const api of apis) {
        const { status, body } = await api.post(
          aTask({ lora: [{ model: air, weight: 1, transformer: "both" }], steps: 1 }).request,
        );
        expect([status, body.errors]).toEqual([200, undefined]);
      }
      // Whichever worker gets it.
      for (let again = 0; again < 3; again++) {
        const { status, body } = await upload(apis[1]!, air);
        expect([status, body.errors?.[0]?.code]).toEqual([400, "modelAlreadyExists"]);
      }
    }
    await files.close();
  });

  test("a server that runs no tasks is ready", async () => {
    for (const base of bases) {
      const response = await fetch(`${base}/readyz`);
      expect([response.status, await response.json()]).toEqual([200, { status: "ready", devices: [] }]);
    }
  });

  test("each worker generates with its models; the servers know them all", async () => {
    for (const model of ["me:zero@1", "me:one@1", "me:one@1", "me:zero@1"]) {
      const { body } = await apis[1]!.post(aTask({ model }).request);
      expect(body.errors ?? []).toEqual([]);
    }
    const { status, body } = await apis[0]!.post(aTask({ model: "me:none@1" }).request);
    expect(status).toBe(404);
    expect(body.errors).toMatchObject([{ code: "unknownModel" }]);
    expect(body.errors![0]!.message).toContain("'me:one@1'");
  });

  test("a socket at one server follows a task of the other: its steps, previews, result and end", async () => {
    const client = await connect(`${bases[1]!.replace("http", "ws")}/v1`);
    client.send({ taskType: "watch", taskUUID: crypto.randomUUID(), previews: true });
    await client.next();
    const sent = aTask({ deliveryMethod: "async", positivePrompt: "step 100", steps: 12 });
    await apis[0]!.submit(sent);
    const heard = new Set<string>();
    while (!heard.has("final")) {
      const { data } = await client.next();
      if (data[0].taskUUID === sent.task.taskUUID) heard.add(data[0].event);
    }
    expect([...heard]).toEqual(expect.arrayContaining(["started", "progress", "preview", "result", "final"]));
    client.socket.close();
  });

  test("a socket at one server receives events of images that are imported, starred and binned at the other", async () => {
    const client = await connect(`${bases[1]!.replace("http", "ws")}/v1`);
    client.send({ taskType: "watch", taskUUID: crypto.randomUUID() });
    await client.next();
    const file = await encodeImage({ width: 8, height: 8, pixels: new Uint8Array(192).fill(5) }, { format: "PNG" });
    const send = (method: string, path: string, body: object | Uint8Array) =>
      fetch(bases[0]! + path, {
        method,
        headers: { ...KEY, "content-type": body instanceof Uint8Array ? "image/png" : "application/json" },
        body: body instanceof Uint8Array ? Buffer.from(body) : JSON.stringify(body),
      });
    const heard = async (event: string) => {
      for (;;) {
        const [item] = (await client.next()).data;
        if (item.event === event) return item;
      }
    };
    const { imageUUID } = (await (await send("POST", "/v1/pictures", file)).json()) as { imageUUID: string };
    expect(await heard("picture")).toMatchObject({ picture: { imageUUID, starred: false } });
    await send("PATCH", `/v1/pictures/${imageUUID}`, { starred: true });
    expect(await heard("picture")).toMatchObject({ picture: { imageUUID, starred: true } });
    await send("POST", "/v1/pictures/bin", { imageUUIDs: [imageUUID] });
    expect(await heard("gone")).toMatchObject({ imageUUIDs: [imageUUID] });
    client.socket.close();
  });

  test("the other server cancels a task, on whatever worker it runs", async () => {
    const sent = aTask({ deliveryMethod: "async", positivePrompt: "step 200", steps: 100 });
    await apis[0]!.submit(sent);
    const { taskUUID } = sent.task;
    const progress = async () => (await apis[1]!.standing(taskUUID)).data[0] as { step?: number };
    await expect.poll(async () => (await progress()).step ?? 0, { timeout: 20_000 }).toBeGreaterThan(1);
    await fetch(`${bases[1]}/v1/tasks/${taskUUID}`, { method: "DELETE", headers: KEY });
    expect(await apis[0]!.standing(taskUUID)).toMatchObject({ errors: [{ code: "taskCancelled" }] });
    // The worker is free again long before the task would have ended.
    const next = await Promise.all(["me:zero@1", "me:one@1"].map((model) => apis[0]!.post(aTask({ model }).request)));
    expect(next.map(({ status }) => status)).toEqual([200, 200]);
  });

  test("a worker answers its operator only", async () => {
    const base = await workers[0]!.ready;
    expect((await fetch(`${base}/readyz`)).status).toBe(200);
    expect((await fetch(`${base}/metrics`, { headers: KEY })).status).toBe(200);
    expect((await workers[0]!.post(aTask().request)).status).toBe(404);
  });

  test("SIGTERM: the running task finishes, the next one runs on another worker", async () => {
    const leaving = await start("worker-2", "worker", "me:two@1");
    const sent = aTask({ model: "me:two@1", deliveryMethod: "async", positivePrompt: "step 100", steps: 20 });
    await expect.poll(async () => (await apis[0]!.post(sent.request)).status, { timeout: 20_000 }).toBe(200);
    await expect
      .poll(async () => ((await apis[0]!.standing(sent.task.taskUUID)).data[0] as { step?: number })?.step ?? 0, {
        timeout: 20_000,
      })
      .toBeGreaterThan(0);
    leaving.child.kill("SIGTERM");
    expect((await apis[0]!.post(aTask().request)).status).toBe(200);
    expect(await leaving.exited).toBe(0);
    expect((await apis[1]!.final(sent.task.taskUUID)).data).toMatchObject([{ status: "success" }]);
    const db = await openDatabase({ url: database.url! });
    const [row] = await db.query<{ attempt: number }>("select attempt from tasks where task_uuid = $1", [
      sent.task.taskUUID,
    ]);
    expect(row!.attempt).toBe(1);
    await db.close();
  });

  test("after the loss of a worker, another one has its task within seconds", async () => {
    const sent = aTask({ deliveryMethod: "async", positivePrompt: "step 100", steps: 30 });
    await apis[0]!.submit(sent);
    const db = await openDatabase({ url: database.url! });
    const row = async () =>
      (
        await db.query<{ attempt: number; worker: string }>("select attempt, worker from tasks where task_uuid = $1", [
          sent.task.taskUUID,
        ])
      )[0]!;
    await expect.poll(async () => (await row()).attempt, { timeout: 20_000 }).toBe(1);
    const { worker } = await row();
    const lost = workers.findIndex(({ child }) => worker.includes(`-${child.pid}-`));
    await workers[lost]!.kill();
    const begun = performance.now();
    await expect.poll(async () => (await row()).attempt, { timeout: 40_000, interval: 200 }).toBe(2);
    console.log(`handed over after ${((performance.now() - begun) / 1000).toFixed(1)} s`);
    expect(performance.now() - begun).toBeLessThan(25_000); // 15 s on a quiet machine
    expect((await apis[1]!.final(sent.task.taskUUID)).data).toMatchObject([{ status: "success" }]);
    await db.close();
  });

  test("webhooks from all servers are signed with one secret", async () => {
    const receiver = await startReceiver();
    for (const api of apis) await api.submit(aTask({ deliveryMethod: "async", webhookURL: receiver.url }));
    const hooks = await receiver.until(2);
    await receiver.close();
    const db = await openDatabase({ url: database.url! });
    const [secret] = await db.query<{ id: string }>("select id from belongings where name = 'webhook secret'");
    await db.close();
    for (const { body, headers } of hooks) {
      new Webhook(secret!.id).verify(body.toString(), headers as Record<string, string>);
    }
  });

  test("a new key is valid at every server within seconds; when it is revoked, its sockets end everywhere", async () => {
    const keys = (...args: string[]) =>
      inkstone(["keys", ...args], {
        cwd: folder,
        env: { INKSTONE_DATA_DIR: join(folder, "operator"), INKSTONE_DATABASE_URL: database.url! },
      });
    const key = (await keys("create", "for tests")).out.trim();
    const statuses = async (bearer: string) => {
      const headers = { authorization: `Bearer ${bearer}` };
      return Promise.all(bases.map(async (base) => (await fetch(`${base}/v1/status`, { headers })).status));
    };
    await expect.poll(() => statuses("any"), { timeout: 15_000 }).toEqual([401, 401]);
    expect(await statuses(key)).toEqual([200, 200]);
    const sockets = await Promise.all(bases.map((base) => login(`${base.replace("http", "ws")}/v1`, { apiKey: key })));
    const id = (await keys("list")).out.split(" ")[0]!;

    // Its limits too, wherever its tasks come in.
    for (const worker of workers) worker.child.kill("SIGSTOP");
    const hand = async (i: number) => {
      const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
      const body = `[${aTask({ deliveryMethod: "async" }).request}]`;
      return (await fetch(`${bases[i]}/v1`, { method: "POST", headers, body })).status;
    };
    expect((await keys("limit", id, "--max-waiting", "1")).code).toBe(0);
    await expect.poll(() => hand(0), { timeout: 15_000 }).toBe(429);
    await expect.poll(() => hand(1), { timeout: 15_000 }).toBe(429);
    expect((await keys("limit", id, "--max-waiting", "default")).code).toBe(0);
    await expect.poll(() => hand(1), { timeout: 15_000 }).toBe(200);
    for (const worker of workers) worker.child.kill("SIGCONT");

    expect((await keys("revoke", id)).code).toBe(0);
    await Promise.all(sockets.map(({ closed }) => closed));
    expect(await statuses(key)).not.toContain(200);
  });
});
