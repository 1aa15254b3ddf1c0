/** Pictures, tasks, models and the server over HTTP: every reply is what the documentation says. */

import { mkdir, rm, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { encodeImage } from "../../src/pictures/index.ts";
import { parseJson, ROUTE_REPLIES } from "../../src/protocol/index.ts";
import { inference } from "./memory-app.ts";
import { type ContractServer, startContractServer } from "./server.ts";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let server: ContractServer;
beforeAll(async () => {
  server = await startContractServer();
});
afterAll(() => server?.stop());

type Reply = keyof typeof ROUTE_REPLIES;
/** Asks a route; a reply that should be one of `as` is checked against its schema. */
async function ask(
  method: string,
  path: string,
  { as, body, type = "application/json" }: { as?: Reply; body?: unknown; type?: string } = {},
) {
  const response = await fetch(server.base + path, {
    method,
    headers: { authorization: `Bearer ${server.key}`, ...(body !== undefined && { "content-type": type }) },
    body: body === undefined ? null : body instanceof Uint8Array ? Buffer.from(body) : JSON.stringify(body),
  });
  const text = await response.text();
  if (as !== undefined) ROUTE_REPLIES[as].parse(parseJson(text));
  return { status: response.status, body: JSON.parse(text) };
}
const small = (changes: object = {}) =>
  inference({ width: 128, height: 128, steps: 2, outputFormat: "PNG", ...changes });
const draw = (changes: object = {}) => ask("POST", "/v1", { body: [small(changes)] });
const PNG = await encodeImage({ width: 8, height: 8, pixels: new Uint8Array(192).fill(7) }, { format: "PNG" });

test("a file is imported unchanged; the same file is one image, whatever its declared type", async () => {
  const first = await ask("POST", "/v1/pictures", { body: PNG, type: "image/png", as: "Picture" });
  expect(first).toMatchObject({ status: 201, body: { kind: "upload", width: 8, height: 8, bytes: PNG.length } });
  const again = await ask("POST", "/v1/pictures", { body: PNG, type: "image/webp", as: "Picture" });
  expect(again.body.imageUUID).toBe(first.body.imageUUID);
  expect((await ask("GET", "/v1/pictures?kind=upload", { as: "PicturePage" })).body.data).toHaveLength(1);
  const used = await draw({ inputs: { seedImage: first.body.imageUUID } });
  expect(used.body.data).toHaveLength(1);
});

test("a file that is no image, has another type, or comes without a key, is refused with a message", async () => {
  const svg = new TextEncoder().encode("<svg xmlns='http://www.w3.org/2000/svg'/>");
  const refused = await ask("POST", "/v1/pictures", { body: svg, type: "image/png" });
  expect(refused).toMatchObject({ status: 400, body: { error: { parameter: "body" } } });
  for (const type of ["image/svg+xml", "text/plain", "application/json"]) {
    const { status, body } = await ask("POST", "/v1/pictures", { body: PNG, type });
    expect([status, body.error.code], type).toEqual([400, "invalidRequest"]);
    expect(body.error.message).toContain("image/png");
  }
  const stranger = await fetch(`${server.base}/v1/pictures`, {
    method: "POST",
    headers: { "content-type": "image/png" },
    body: Buffer.from(PNG),
  });
  expect(stranger.status).toBe(401);
});

test("stars, ends, the bin and emptying it", async () => {
  const { body } = await draw({ numberResults: 2 });
  const [first, second] = body.data.map(({ imageUUID }: { imageUUID: string }) => imageUUID) as [string, string];
  const path = `/v1/pictures/${first}`;
  expect((await ask("PATCH", path, { body: { starred: true, expiresAt: null }, as: "Picture" })).body).toMatchObject({
    starred: true,
    expiresAt: null,
  });
  const end = "2031-01-01T00:00:00.000Z";
  expect((await ask("PATCH", path, { body: { expiresAt: end }, as: "Picture" })).body).toMatchObject({
    starred: true,
    expiresAt: end,
  });
  const names = { imageUUIDs: [first, second] };
  await ask("POST", "/v1/pictures/bin", { body: names, as: "PictureNames" });
  await ask("POST", "/v1/pictures/restore", { body: { imageUUIDs: [first] }, as: "PictureNames" });
  expect((await ask("GET", "/v1/status", { as: "Status" })).body.storage.binned).toBe(1);
  expect((await ask("DELETE", "/v1/pictures?binned=true", { as: "BinEmptied" })).body).toEqual({ deleted: 1 });
  expect((await fetch(`${server.base}/images/${second}.png`)).status).toBe(404);
  expect((await fetch(`${server.base}/images/${first}.png`)).status).toBe(200);
  expect((await ask("DELETE", "/v1/pictures")).status).toBe(400); // everything at once is nobody's wish
  expect((await ask("DELETE", "/v1/pictures?binned=false")).status).toBe(400);
  const gone = await ask("POST", "/v1/pictures/bin", { body: { imageUUIDs: [second] }, as: "PictureNames" });
  expect(gone.body).toMatchObject({ errors: [{ code: "imageExpired" }] });
});

test("tasks are listed, inspected and cancelled as documented", async () => {
  const task = small({ deliveryMethod: "async", steps: 50, numberResults: 20 });
  await ask("POST", "/v1", { body: [task, small({ deliveryMethod: "async" })] });
  await ask("GET", "/v1/tasks?state=queued,running,succeeded", { as: "TaskPage" });
  expect((await ask("GET", `/v1/tasks/${task.taskUUID}`, { as: "TaskEntry" })).body).toMatchObject({
    request: { steps: 50 },
  });
  await ask("DELETE", "/v1/tasks?state=queued", { as: "TasksCancelled" });
  await ask("DELETE", `/v1/tasks/${task.taskUUID}`);
});

test("a dry run estimates the time once the model has generated; the list gives the time of a step", async () => {
  await draw();
  const dry = async (changes: object) => (await ask("POST", "/v1?dryRun=1", { body: [small(changes)] })).body.data[0];
  const [one, more] = [await dry({}), await dry({ steps: 100 })];
  expect(one).toMatchObject({ dryRun: true, estimatedSeconds: expect.any(Number) });
  expect(more.estimatedSeconds).toBeGreaterThan(10 * one.estimatedSeconds);
  expect(
    await dry({ model: "runware:108@20", inputs: { referenceImages: [Buffer.from(PNG).toString("base64")] } }),
  ).not.toHaveProperty("estimatedSeconds");
  const { data } = (await ask("GET", "/v1/models", { as: "ModelList" })).body;
  const tiny = data.find(({ id }: { id: string }) => id === "runware:108@1");
  expect(tiny.inkstone).toMatchObject({
    state: "ready",
    secondsPerStep: expect.any(Number),
    can: ["text", "image", "mask", "outpaint"],
  });
  expect((await ask("GET", "/v1/status", { as: "Status" })).body).toMatchObject({
    model: { air: "runware:108@1", state: "ready" },
  });
});

test("a model's schema contains its capabilities, and no others", async () => {
  const schemaOf = async (air: string) =>
    (await ask("GET", `/v1/models/${encodeURIComponent(air)}/schema`)).body.properties;
  const drawing = await schemaOf("runware:108@1");
  expect(drawing.inputs.properties).not.toHaveProperty("referenceImages");
  expect(drawing).toMatchObject({
    steps: { "x-group": "drawing", default: expect.any(Number), maximum: 100 },
    lora: { items: { properties: { model: { enum: expect.arrayContaining(["inkstone:neon@1"]) } } } },
  });
  const editing = await schemaOf("alibaba:qwen-image-edit@2511");
  expect(editing).not.toHaveProperty("controlNet");
  expect(editing.width).not.toHaveProperty("default");
  expect(drawing.width).toHaveProperty("default");
  expect(editing.inputs).toMatchObject({
    required: ["referenceImages"],
    properties: { referenceImages: { minItems: 1, maxItems: 3 } },
  });
  const order = Object.values(drawing).map((one) => (one as { "x-group": string })["x-group"]);
  expect(order.filter((group, i) => group !== order[i - 1])).toEqual([
    "words",
    "size",
    "drawing",
    "inputs",
    "adapters",
    "speed",
    "finishing",
    "delivery",
  ]);
  expect((await ask("GET", "/v1/models/nobody:nothing@1/schema")).status).toBe(404);
});

test("events of all tasks of a key, with previews, in order", async () => {
  const gone = new AbortController();
  const response = await fetch(`${server.base}/v1/events?previews=true`, {
    headers: { authorization: `Bearer ${server.key}` },
    signal: gone.signal,
  });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const task = small({ deliveryMethod: "async", steps: 30 });
  await ask("POST", "/v1", { body: [task] });
  let text = "";
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (text.includes("event: final")) break;
  }
  gone.abort();
  const events = [...text.matchAll(/event: (.*)\ndata: (.*)\n/g)].map(
    ([, name, data]) => [name, JSON.parse(data!)] as const,
  );
  expect(events.every(([, { taskUUID }]) => taskUUID === task.taskUUID)).toBe(true);
  const names = events.map(([name]) => name);
  expect([...new Set(names)].filter((name) => name !== "queued")).toEqual(
    ["started", "progress", "preview", "result", "final"].filter((name) => names.includes(name)),
  );
  expect(events.find(([name]) => name === "preview")![1].imageDataURI).toMatch(/^data:image\/webp;base64,/);
  ROUTE_REPLIES.Picture.parse(events.find(([name]) => name === "result")![1].picture);
  expect((await fetch(`${server.base}/v1/events`)).status).toBe(401);
});

test("changes beside tasks are events too: images imported, changed, binned, restored, deleted; models added", async () => {
  const gone = new AbortController();
  const response = await fetch(`${server.base}/v1/events`, {
    headers: { authorization: `Bearer ${server.key}` },
    signal: gone.signal,
  });
  const heard: { event: string; data: Record<string, unknown> }[] = [];
  const reading = (async () => {
    let text = "";
    for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
      text += piece;
      for (const [whole, event, data] of text.matchAll(/event: (.*)\ndata: (.*)\n\n/g)) {
        heard.push({ event: event!, data: parseJson(data!) as Record<string, unknown> });
        text = text.replace(whole, "");
      }
    }
  })().catch(() => {});
  const next = async (event: string) => {
    await expect.poll(() => heard.length, { timeout: 20_000 }).toBeGreaterThan(0);
    const first = heard.shift()!;
    expect(first.event).toBe(event);
    return first.data;
  };
  const file = await encodeImage({ width: 8, height: 8, pixels: new Uint8Array(192).fill(99) }, { format: "PNG" });
  const { imageUUID } = (await ask("POST", "/v1/pictures", { body: file, type: "image/png" })).body;
  ROUTE_REPLIES.Picture.parse((await next("picture")).picture);
  await ask("PATCH", `/v1/pictures/${imageUUID}`, { body: { starred: true } });
  expect(await next("picture")).toMatchObject({ picture: { imageUUID, starred: true } });
  await ask("POST", "/v1/pictures/bin", { body: { imageUUIDs: [imageUUID, crypto.randomUUID()] } });
  expect(await next("gone")).toEqual({ imageUUIDs: [imageUUID] });
  await ask("POST", "/v1/pictures/restore", { body: { imageUUIDs: [imageUUID] } });
  expect(await next("picture")).toMatchObject({ picture: { imageUUID } });
  const operation = { taskType: "mediaStorage", taskUUID: crypto.randomUUID(), operation: "delete", media: imageUUID };
  expect((await ask("POST", "/v1", { body: [operation] })).status).toBe(200);
  expect(await next("gone")).toEqual({ imageUUIDs: [imageUUID] });
  const card = { air: "me:another@1", name: "Another", checkpoint: resolve("test/fixtures/plain/checkpoint") };
  await mkdir(join(server.modelsFolder, "another"));
  await writeFile(join(server.modelsFolder, "another", "card.json"), JSON.stringify(card));
  await next("models");
  await rm(join(server.modelsFolder, "another"), { recursive: true });
  await next("models");
  gone.abort();
  await reading;
});

test("pages of other sites cannot write to a server without keys, whatever headers they omit", async () => {
  const open = await startContractServer({ INKSTONE_API_KEYS: "" });
  const statusOf = (site: string | undefined) =>
    new Promise<number>((resolve, reject) => {
      const headers = { "content-type": "application/json", ...(site !== undefined && { "sec-fetch-site": site }) };
      const asked = httpRequest(`${open.base}/v1`, { method: "POST", headers }, ({ statusCode }) =>
        resolve(statusCode!),
      );
      asked.on("error", reject).end(JSON.stringify([{ taskType: "ping", ping: true }]));
    });
  expect([await statusOf(undefined), await statusOf("same-origin"), await statusOf("cross-site")]).toEqual([
    200, 200, 403,
  ]);
  await open.stop();
});
