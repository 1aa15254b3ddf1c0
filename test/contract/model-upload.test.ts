/** `modelUpload` over the API: fetched, registered, searched for, drawn with, asked about; and everything that may be wrong with it. */

import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Runware } from "@runware/sdk-js";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { decodeImage } from "../../src/pictures/index.ts";
import { inference, post } from "./memory-app.ts";
import { type ContractServer, startContractServer } from "./server.ts";
import { login } from "./socket-client.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const STAGES = ["validated", "downloaded", "optimized", "stored", "ready"];
let server: ContractServer;
let hub: Server;
let files: string;
let lora: Buffer;
let models: string;
/** Answers to `/held` that wait to be sent. */
const held: (() => void)[] = [];
const drawable = (path: string) => readFile(`test/fixtures/${path}`);
const file = "diffusion_pytorch_model.safetensors";

beforeAll(async () => {
  models = await mkdtemp(join(tmpdir(), "inkstone-uploads-"));
  await install({ air: "test:plain@1", checkpoint: resolve("test/fixtures/plain/checkpoint") });
  await install({ air: "test:odd@1", checkpoint: resolve("test/fixtures/odd/checkpoint") });
  await install({ air: "test:union@1", kind: "controlnet", path: resolve("test/fixtures/controlnet/union") });
  const nets: Record<string, Buffer> = {
    "/union": await drawable(`controlnet/union/${file}`),
    "/inpainting": await drawable(`controlnet/inpainting/${file}`),
  };
  lora = await readFile("test/fixtures/lora/files/peft.safetensors");
  const text = Buffer.from("not weights at all");
  hub = createServer(({ url }, response) => {
    if (url === "/moved") response.writeHead(302, { location: "/lora" }).end();
    else if (url === "/held") {
      response.writeHead(200, { "content-length": lora.length }).write(lora.subarray(0, lora.length / 2));
      held.push(() => response.end(lora.subarray(lora.length / 2)));
    } else if (url! in nets) response.end(nets[url!]);
    else if (url === "/large") response.end(Buffer.alloc(2_000_000));
    else if (url === "/cut") response.writeHead(200, { "content-length": 5000 }).write("x", () => response.destroy());
    else response.writeHead(url === "/none" ? 404 : 200).end(url === "/text" ? text : lora);
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => hub.once("listening", resolve));
  files = `http://127.0.0.1:${(hub.address() as AddressInfo).port}`;
  server = await startContractServer({
    INKSTONE_ALLOWED_ADDRESSES: "127.0.0.1",
    INKSTONE_MAX_MODEL_MB: "1",
    INKSTONE_MODELS_DIR: models,
  });
});
afterAll(async () => {
  await server?.stop();
  hub?.close();
  hub?.closeAllConnections();
  await rm(models, { recursive: true, force: true });
});

async function install(card: { readonly air: string } & Record<string, unknown>): Promise<void> {
  const folder = join(models, card.air.replace(":", "+"));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "card.json"), JSON.stringify({ name: card.air, ...card }));
}

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
const getResponse = async (taskUUID: string) => (await ask({ taskType: "getResponse", taskUUID })).body;
async function heldBack(): Promise<() => void> {
  await expect.poll(() => held.length, { timeout: 60_000 }).toBe(1);
  return held.pop()!;
}

test("over HTTP: every stage; then the model is found and used, and not accepted twice", async () => {
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
  const drawing = { model: "test:plain@1", width: 128, height: 128, steps: 2, lora: [{ model: "me:sketch@1" }] };
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
  ["/text", {}, "invalidDownloadURL", "not a safetensors file"],
  ["/lora", { sha256: "0".repeat(64) }, "invalidDownloadURL", "SHA-256 is "],
  ["/large", {}, "downloadFailed", "larger than 1000000 bytes"],
  ["/none", {}, "downloadFailed", "status 404"],
  ["/cut", {}, "downloadFailed", "cannot be reached"],
  ["/lora", { category: "checkpoint" }, "invalidDownloadURL", "https://huggingface.co/OWNER/NAME"],
  ["/lora", { category: "vae" }, "invalidCategory", "'lora', 'lycoris', 'controlnet', 'checkpoint'"],
  ["/lora", { category: "controlnet" }, "invalidDownloadURL", "It is not a QwenImageControlNetModel: it has tensors"],
  ["/union", {}, "invalidDownloadURL", "None of its keys belongs to a LoRA"],
  ["/lora", { architecture: "sdxl" }, "invalidArchitecture", "'qwen_image'"],
])("%s with %j is refused, and nothing of it stays", async (path, changes, code, message) => {
  const { status, body } = await ask(upload({ air: "me:bad@1", downloadURL: files + path, ...changes }));
  expect(status).toBe(400);
  expect(body.error).toMatchObject({ code, message: expect.stringContaining(message), taskType: "modelUpload" });
  const search = { taskType: "modelSearch", taskUUID: crypto.randomUUID(), search: "me:bad@1" };
  expect((await ask(search)).body.data[0].totalResults).toBe(0);
});

/** The pixels of a picture of the odd checkpoint, steered by a ControlNet. */
async function steeredBy(model: string, weight = 1): Promise<Buffer> {
  const guide = `data:image/jpeg;base64,${(await drawable("drawings/sign-tea.jpg")).toString("base64")}`;
  const controlNet = [{ model, guideImage: guide, weight }];
  const size = { width: 128, height: 128, steps: 4, seed: 7, outputFormat: "PNG" };
  const { body } = await ask(inference({ model: "test:odd@1", ...size, controlNet }));
  expect(body.error).toBeUndefined();
  const picture = await fetch(body.data[0].imageURL);
  return Buffer.from((await decodeImage(new Uint8Array(await picture.arrayBuffer()))).pixels);
}

test("a ControlNet from a single file works like its folder; modelSearch finds it by its conditioning", async () => {
  const task = { category: "controlnet", conditioning: "canny", air: "me:union@1", downloadURL: `${files}/union` };
  expect((await ask(upload(task))).body.data.map((item: { status: string }) => item.status)).toEqual(STAGES);
  const search = { taskType: "modelSearch", taskUUID: crypto.randomUUID(), conditioning: "canny" };
  expect((await ask(search)).body.data[0].results).toMatchObject([{ air: "me:union@1", category: "controlnet" }]);
  const steered = await steeredBy("me:union@1");
  expect(steered.equals(await steeredBy("test:union@1"))).toBe(true);
  expect(steered.equals(await steeredBy("me:union@1", 0))).toBe(false);
});

test("an inpainting ControlNet is recognised by its file", async () => {
  const air = "me:inpainting@1";
  expect((await ask(upload({ category: "controlnet", air, downloadURL: `${files}/inpainting` }))).status).toBe(200);
  const guide = `data:image/jpeg;base64,${(await drawable("drawings/sign-tea.jpg")).toString("base64")}`;
  const controlNet = [{ model: air, guideImage: guide }];
  const { body } = await ask(inference({ model: "test:plain@1", width: 128, height: 128, steps: 2, controlNet }));
  expect(body.error).toMatchObject({ code: "missingMaskImage", message: expect.stringContaining("is an inpainting") });
});

test("async: acknowledged at once; getResponse and getTaskDetails give the stage, and images are generated meanwhile", async () => {
  const task = upload({ air: "me:slow@1", downloadURL: `${files}/held`, deliveryMethod: "async" });
  const { taskUUID } = task;
  expect((await ask(task)).body.data).toEqual([{ taskType: "modelUpload", taskUUID }]);
  const release = await heldBack();
  const standing = { status: "processing", stage: "validated", air: "me:slow@1", taskType: "modelUpload", taskUUID };
  await expect.poll(async () => (await getResponse(taskUUID)).data[0].progress, { timeout: 60_000 }).toBeGreaterThan(0);
  expect((await getResponse(taskUUID)).data).toMatchObject([standing]);
  expect((await ask(inference({ model: "test:plain@1", width: 128, height: 128, steps: 2 }))).status).toBe(200);
  expect((await ask({ ...task, name: "Another" })).body.error).toMatchObject({ code: "conflictTaskUUID" });

  // A client that polls over a WebSocket is told the end without asking again.
  const client = await login(server.socketUrl, { apiKey: server.key });
  client.send({ taskType: "getResponse", taskUUID });
  expect(await client.next()).toMatchObject({ data: [standing] });
  release();
  expect(await client.next()).toMatchObject({ data: [{ status: "success", stage: "ready", taskUUID }] });
  client.socket.close();

  expect((await getResponse(taskUUID)).data).toMatchObject([{ status: "success", stage: "ready", air: "me:slow@1" }]);
  const [details] = (await ask({ taskType: "getTaskDetails", taskUUID })).body.data;
  expect(details).toMatchObject({ state: "succeeded", attempts: 1, request: [task] });
  expect(details.response.data.map((item: { status: string }) => item.status)).toEqual(STAGES);
  // Sent again it is the same task, not a second upload of a name that is taken.
  expect((await ask({ ...task, deliveryMethod: "sync" })).body.error).toMatchObject({ code: "conflictTaskUUID" });
  expect((await ask(task)).body.data).toEqual([{ taskType: "modelUpload", taskUUID }]);
});

test("a failure is kept, and getResponse returns it", async () => {
  const task = upload({ air: "me:none@1", downloadURL: `${files}/none` });
  const { error } = (await ask(task)).body;
  expect(await getResponse(task.taskUUID)).toMatchObject({
    errors: [{ code: "downloadFailed", message: error.message, status: "error", taskUUID: task.taskUUID }],
  });
});

test("it continues after the client disconnects, and ends when it is cancelled", async () => {
  const gone = new AbortController();
  const task = upload({ air: "me:alone@1", downloadURL: `${files}/held` });
  const headers = { "content-type": "application/json", authorization: `Bearer ${server.key}` };
  const sent = fetch(server.httpUrl, { method: "POST", headers, body: JSON.stringify([task]), signal: gone.signal });
  const release = await heldBack();
  gone.abort();
  await expect(sent).rejects.toThrow();
  await new Promise((done) => setTimeout(done, 200));
  release();
  const status = async () => (await getResponse(task.taskUUID)).data?.[0].status;
  await expect.poll(status, { timeout: 60_000 }).toBe("success");

  const other = upload({ air: "me:cancelled@1", downloadURL: `${files}/held`, deliveryMethod: "async" });
  await ask(other);
  const late = await heldBack();
  const cancelled = await fetch(`${server.base}/v1/tasks/${other.taskUUID}`, { method: "DELETE", headers });
  expect((await cancelled.json()) as object).toMatchObject({ data: [{ state: "cancelled" }] });
  late();
  expect(await getResponse(other.taskUUID)).toMatchObject({ errors: [{ code: "taskCancelled", status: "error" }] });
  const search = { taskType: "modelSearch", taskUUID: crypto.randomUUID(), search: "me:cancelled@1" };
  expect((await ask(search)).body.data[0].totalResults).toBe(0);
});

test("events: every stage, then the end", async () => {
  const task = upload({ air: "me:events@1", downloadURL: `${files}/held`, deliveryMethod: "async" });
  await ask(task);
  const release = await heldBack();
  const headers = { authorization: `Bearer ${server.key}` };
  const events = await fetch(`${server.base}/v1/tasks/${task.taskUUID}/events`, { headers });
  release();
  const text = await events.text();
  for (const stage of ["validated", "downloaded", "optimized", "stored"]) expect(text).toContain(`"stage":"${stage}"`);
  expect(text.split("event: final\n")[1]).toContain('"status":"ready"');
});

test("a server that accepts no models refuses before it opens a connection", async () => {
  const closed = await startContractServer({ INKSTONE_MAX_MODEL_MB: "0" });
  const { status, body } = await post(closed.base, [upload({ downloadURL: "http://127.0.0.1:1/" })], {
    key: closed.key,
  });
  await closed.stop();
  expect(status).toBe(403);
  const message = expect.stringContaining("INKSTONE_MAX_MODEL_MB");
  expect(body.error).toMatchObject({ code: "permissionDenied", message });
});
