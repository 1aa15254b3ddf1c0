/** `modelUpload` over the API: fetched, registered, searched for, drawn with; and everything that may be wrong with it. */

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Runware } from "@runware/sdk-js";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { inference, post } from "./memory-app.ts";
import { type ContractServer, startContractServer } from "./server.ts";
import { login } from "./socket-client.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const STAGES = ["validated", "downloaded", "optimized", "stored", "ready"];
let server: ContractServer;
let hub: Server;
let files: string;
let lora: Buffer;

beforeAll(async () => {
  lora = await readFile("test/fixtures/lora/files/peft.safetensors");
  const text = Buffer.from("not weights at all");
  hub = createServer(({ url }, response) => {
    if (url === "/moved") response.writeHead(302, { location: "/lora" }).end();
    else if (url === "/large") response.end(Buffer.alloc(2_000_000));
    else if (url === "/cut") response.writeHead(200, { "content-length": 5000 }).write("x", () => response.destroy());
    else response.writeHead(url === "/none" ? 404 : 200).end(url === "/text" ? text : lora);
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => hub.once("listening", resolve));
  files = `http://127.0.0.1:${(hub.address() as AddressInfo).port}`;
  server = await startContractServer({ INKSTONE_ALLOWED_ADDRESSES: "127.0.0.1", INKSTONE_MAX_MODEL_MB: "1" });
});
afterAll(async () => {
  await server?.stop();
  hub?.close();
});

const upload = (changes: object = {}) => ({
  taskType: "modelUpload",
  taskUUID: crypto.randomUUID(),
  category: "lora",
  air: "me:sketch@1",
  name: "Sketch",
  downloadURL: `${files}/moved`,
  ...changes,
});
const ask = (...tasks: object[]) => post(server.base, tasks, { key: server.key });

test("over HTTP: every stage, then it is found, drawn with, and not taken twice", async () => {
  const sha256 = createHash("sha256").update(lora).digest("hex");
  const task = upload({ sha256, tags: ["ink"], positiveTriggerWords: "sketch of", version: "one", private: true });
  const { status, body } = await ask(task);
  expect(status).toBe(200);
  expect(body.data.map((item: { status: string }) => item.status)).toEqual(STAGES);
  expect(body.data.at(-1)).toMatchObject({ taskType: "modelUpload", taskUUID: task.taskUUID, air: "me:sketch@1" });

  const search = { taskType: "modelSearch", taskUUID: crypto.randomUUID(), category: "lora", tags: ["ink"] };
  expect((await ask(search)).body.data[0].results).toMatchObject([
    { air: "me:sketch@1", name: "Sketch", version: "one", positiveTriggerWords: "sketch of" },
  ]);
  const drawing = { width: 128, height: 128, steps: 2, lora: [{ model: "me:sketch@1" }] };
  expect((await ask(inference(drawing))).status).toBe(200);
  expect((await ask(upload())).body.error).toMatchObject({ code: "modelAlreadyExists", parameter: "air" });
});

test("over a WebSocket: a frame for each stage; through the official client", async () => {
  const client = await login(server.socketUrl, { apiKey: server.key });
  client.send(upload({ air: "me:socket@1" }));
  for (const status of STAGES) expect(await client.next()).toMatchObject({ data: [{ status, air: "me:socket@1" }] });
  client.socket.close();
  const runware = new Runware({ apiKey: server.key, url: server.socketUrl, globalMaxRetries: 1 });
  await runware.ensureConnection();
  const { taskType: _, taskUUID: __, ...payload } = upload({ air: "me:sdk@1", format: "safetensors", private: false });
  expect(await runware.modelUpload(payload as never)).toMatchObject({ status: "ready", air: "me:sdk@1" });
  await runware.disconnect();
});

test.each([
  ["/text", {}, "invalidDownloadURL", "no safetensors file"],
  ["/lora", { sha256: "0".repeat(64) }, "invalidDownloadURL", "SHA-256 is "],
  ["/large", {}, "downloadFailed", "larger than 1000000 bytes"],
  ["/none", {}, "downloadFailed", "status 404"],
  ["/cut", {}, "downloadFailed", "cannot be reached"],
  ["/lora", { category: "checkpoint" }, "invalidCategory", "'lora', 'lycoris'"],
  ["/lora", { architecture: "sdxl" }, "invalidArchitecture", "'qwen_image'"],
])("%s with %j is refused, and nothing of it stays", async (path, changes, code, message) => {
  const { status, body } = await ask(upload({ air: "me:bad@1", downloadURL: files + path, ...changes }));
  expect(status).toBe(400);
  expect(body.error).toMatchObject({ code, message: expect.stringContaining(message), taskType: "modelUpload" });
  const search = { taskType: "modelSearch", taskUUID: crypto.randomUUID(), search: "me:bad@1" };
  expect((await ask(search)).body.data[0].totalResults).toBe(0);
});
