import { describe, expect, test } from "vitest";
import { appsPerTest } from "../../../test/contract/apps-per-test.ts";
import { inference, KEY, post, startMemoryApp } from "../../../test/contract/memory-app.ts";
import { rawClient } from "../../../test/contract/raw-client.ts";
import { login } from "../../../test/contract/socket-client.ts";
import { handClock } from "../../../test/support/hand-clock.ts";
import { metricsOf } from "../../../test/support/metrics.ts";
import { DatabaseUnavailableError } from "../database/index.ts";
import { StorageUnavailableError } from "../storage/index.ts";

const start = appsPerTest();

describe("waiting", () => {
  test("the error after too long a wait explains how to get the result", async () => {
    const clock = handClock();
    const { base, tasks } = await start({ syncTimeout: 77 }, { ports: { later: clock.later } });
    tasks.onAccept = () => undefined;
    const task = inference();
    const answer = post(base, [task]);
    await expect.poll(() => clock.isDueIn(77)).toBe(true);
    clock.pass(77);
    expect(await answer).toMatchObject({ status: 504, body: { error: { code: "syncTimeout" } } });
    expect(tasks.records.get(task.taskUUID)!.state).toBe("queued");
  });

  test("an answered request leaves no timer", async () => {
    const clock = handClock();
    const { base } = await start({ syncTimeout: 77 }, { ports: { later: clock.later } });
    expect((await post(base, [inference()])).status).toBe(200);
    expect(clock.isDueIn(77)).toBe(false);
  });

  test("a stopping server answers waiting requests", async () => {
    const { base, tasks, stop } = await start();
    tasks.onAccept = () => stop.abort();
    expect(await post(base, [inference()])).toMatchObject({
      status: 503,
      body: { error: { code: "serviceUnavailable" } },
    });
  });
});

test("status lists the addresses for other machines: none on loopback, the public one, the address of the socket", async () => {
  const addresses = async (settings: object) => {
    const { base } = await start(settings);
    const reply = await fetch(`${base}/v1/status`, { headers: { authorization: `Bearer ${KEY}` } });
    return [((await reply.json()) as { addresses: string[] }).addresses, new URL(base).port] as const;
  };
  expect((await addresses({ host: "127.0.0.1" }))[0]).toEqual([]);
  expect((await addresses({ publicUrl: "https://ink.example" }))[0]).toEqual(["https://ink.example"]);
  const [named, port] = await addresses({ host: "192.0.2.7" });
  expect(named).toEqual([`http://192.0.2.7:${port}`]);
  expect((await addresses({ host: "0.0.0.0" }))[0].join()).not.toContain("127.");
});

describe("other tasks", () => {
  test("getTaskDetails returns the request as received, and the response", async () => {
    const { base } = await start();
    const task = inference({ checkNSFW: false });
    await post(base, [task]);
    const { body } = await post(base, [{ taskType: "getTaskDetails", taskUUID: task.taskUUID }]);
    expect(body.data[0]).toMatchObject({
      taskType: "getTaskDetails",
      taskUUID: task.taskUUID,
      request: [task],
      response: { data: [{ taskUUID: task.taskUUID }] },
    });
  });

  test("getTaskDetails of a task with a deleted image", async () => {
    const { base, tasks } = await start();
    const task = inference({ outputType: "base64Data", numberResults: 2 });
    await post(base, [task]);
    const { results } = tasks.records.get(task.taskUUID)!;
    tasks.files.delete(results[0]!.fileName);
    const { body } = await post(base, [{ taskType: "getTaskDetails", taskUUID: task.taskUUID }]);
    expect(body.data[0].response).toMatchObject({
      data: [{ imageUUID: results[1]!.imageUUID }],
      errors: [{ code: "imageExpired", taskUUID: task.taskUUID }],
    });
  });

  test("imageUpload answers with a UUID and an address", async () => {
    const { base } = await start();
    const image = Buffer.alloc(64).toString("base64");
    const { body } = await post(base, [{ taskType: "imageUpload", taskUUID: crypto.randomUUID(), image }]);
    expect(body.data[0].imageURL).toBe(`${base}/images/${body.data[0].imageUUID}.png`);
  });

  test("modelSearch pages through installed models", async () => {
    const { base } = await start();
    const search = (changes: object) =>
      post(base, [{ taskType: "modelSearch", taskUUID: crypto.randomUUID(), ...changes }]).then(
        ({ body }) => body.data[0],
      );
    expect(await search({ search: "qwen" })).toMatchObject({ totalResults: 1, results: [{ air: "runware:108@1" }] });
    expect(await search({ offset: 1 })).toMatchObject({ totalResults: 1, results: [] });
    expect(await search({ category: "lora" })).toMatchObject({ totalResults: 0 });
  });

  test("a checkpoint is loaded before its first task, by AIR; others are not found", async () => {
    const asked: string[] = [];
    const prepare = async (air: string) => asked.push(air) > 0;
    const { base } = await start({}, { ports: { prepare } });
    const load = (air: string, headers: Record<string, string> = { authorization: `Bearer ${KEY}` }) =>
      fetch(`${base}/v1/models/${air}/load`, { method: "POST", headers });
    const answer = await load("runware:108@1");
    expect([answer.status, await answer.json()]).toEqual([202, { air: "runware:108@1", state: "loading" }]);
    expect([(await load("me:none@1")).status, (await load("runware:108@1", {})).status]).toEqual([404, 401]);
    expect(asked).toEqual(["runware:108@1"]);
  });

  test("accountManagement shows the caller's key, masked", async () => {
    const { base } = await start();
    const { text, body } = await post(base, [
      { taskType: "accountManagement", taskUUID: crypto.randomUUID(), operation: "getDetails" },
    ]);
    expect(body.data[0]).toMatchObject({ operation: "getDetails", apiKeys: [{ enabled: true }] });
    expect(text).not.toContain(KEY);
  });
});

describe("the address of a task", () => {
  const headers = { authorization: `Bearer ${KEY}` };

  test("DELETE cancels, and may be repeated", async () => {
    const { base, tasks } = await start();
    tasks.onAccept = () => undefined;
    const task = inference({ deliveryMethod: "async" });
    await post(base, [task]);
    for (const _ of [1, 2]) {
      const response = await fetch(`${base}/v1/tasks/${task.taskUUID}`, { method: "DELETE", headers });
      expect(await response.json()).toMatchObject({ data: [{ taskUUID: task.taskUUID, state: "cancelled" }] });
    }
    const unknown = await fetch(`${base}/v1/tasks/${crypto.randomUUID()}`, { method: "DELETE", headers });
    expect(unknown.status).toBe(404);
    expect((await fetch(`${base}/v1/tasks/${task.taskUUID}`, { method: "DELETE" })).status).toBe(401);
  });

  test("events contain progress, results and the end", async () => {
    const { base, tasks } = await start();
    tasks.onAccept = () => undefined;
    const task = inference({ deliveryMethod: "async", outputType: "base64Data" });
    await post(base, [task]);
    const response = await fetch(`${base}/v1/tasks/${task.taskUUID}/events`, { headers });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    tasks.progress(task.taskUUID, 10, 20);
    tasks.finish(task.taskUUID);
    const events = (await response.text())
      .trim()
      .split("\n\n")
      .map((event) => /event: (.*)\ndata: (.*)/.exec(event)!.slice(1));
    expect(events.map(([name]) => name)).toEqual(["started", "progress", "result", "final"]);
    expect(JSON.parse(events[1]![1]!)).toMatchObject({ step: 10, steps: 20, percentage: 50 });
    expect(JSON.parse(events[3]![1]!)).toMatchObject({ state: "succeeded", data: [{ imageURL: expect.any(String) }] });
  });
});

test.each([
  [604_800, 3600],
  [60, 60],
  [0, 0],
])("caches may keep an image with %i seconds left for %i", async (secondsLeft, maxAge) => {
  const read = async () => ({ bytes: Buffer.from("picture"), contentType: "image/png", secondsLeft });
  const { base } = await start({}, { ports: { images: { read } } });
  const response = await fetch(`${base}/images/${crypto.randomUUID()}.png`);
  expect(response.headers.get("cache-control")).toBe(`public, max-age=${maxAge}, immutable`);
});

describe("operation", () => {
  test("GET /v1 describes the API, to browsers and to others", async () => {
    const { base } = await start();
    const page = await fetch(`${base}/v1`, { headers: { accept: "text/html,*/*" } });
    expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
    expect(await page.text()).toContain('<a href="/docs">');
    expect(await (await fetch(`${base}/v1`)).json()).toMatchObject({ service: "inkstone", documentation: "/docs" });
  });

  test("health, readiness, metrics, document", async () => {
    const app = await start();
    const get = (path: string) => fetch(app.base + path);
    expect((await get("/healthz")).status).toBe(200);
    expect((await get("/readyz")).status).toBe(200);
    app.readiness = { ready: false, reason: "the database is gone", devices: [{ name: "cuda", trouble: "lost" }] };
    const unready = await get("/readyz");
    expect(unready.status).toBe(503);
    expect(await unready.json()).toMatchObject({
      reason: "the database is gone",
      devices: [{ name: "cuda", trouble: "lost" }],
    });
    await post(app.base, [inference({ width: 1 })]);
    const metrics = await metricsOf(app.base, KEY);
    expect(metrics).toContain('inkstone_errors_total{code="invalidWidth"} 1');
    expect(metrics).toContain('inkstone_tasks{state="queued"} 0');
    expect(await (await get("/openapi.json")).json()).toMatchObject({ openapi: "3.1.0" });
  });

  test("while the database or the disk is unavailable, tasks get 503 and Retry-After", async () => {
    const { base, tasks } = await start();
    for (const outage of [new DatabaseUnavailableError("sda1"), new StorageUnavailableError("sda1")]) {
      tasks.submit = async () => {
        throw outage;
      };
      const { status, headers, text, body } = await post(base, [inference()]);
      expect([status, headers.get("retry-after"), body.error.code]).toEqual([503, "5", "serviceUnavailable"]);
      expect(text).not.toContain("sda1");
    }
  });

  test("metrics work while the database is away, without its values", async () => {
    const { base, tasks } = await start();
    const { counts } = tasks;
    const metrics = () => metricsOf(base, KEY);
    expect(await metrics()).toContain('inkstone_tasks{state="running"} 0');
    tasks.counts = async () => {
      throw new DatabaseUnavailableError("away");
    };
    const away = await metrics();
    expect(away).toContain("inkstone_websockets 0");
    expect(away).not.toContain("inkstone_tasks{");
    tasks.counts = counts;
    expect(await metrics()).toContain('inkstone_tasks{state="running"} 0');
  });

  test("a failed count is reported, not omitted", async () => {
    const { base, tasks } = await start();
    tasks.counts = async () => {
      throw new TypeError("rows is not iterable");
    };
    expect((await fetch(`${base}/metrics`, { headers: { authorization: `Bearer ${KEY}` } })).status).toBe(500);
  });

  test.each(["/nowhere", "/images/../keys.json", "/images/x.png", `/images/${crypto.randomUUID()}.png`, "/v1x"])(
    "%s does not exist",
    async (path) => {
      const { base } = await start();
      const response = await fetch(base + path);
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ error: { code: "notFound" } });
    },
  );
});

describe("stopping", () => {
  test("does not wait for idle connections, watchers, or sockets that do not answer", async () => {
    const { app, base, socketUrl, tasks, stop } = await startMemoryApp();
    tasks.onAccept = () => undefined;
    const task = inference({ deliveryMethod: "async" });
    await post(base, [task]);
    const headers = { authorization: `Bearer ${KEY}` };
    const events = fetch(`${base}/v1/tasks/${task.taskUUID}/events`, { headers }).then((response) => response.text());
    const sync = inference();
    const waiting = post(base, [sync]);
    await tasks.accepted(sync.taskUUID);
    const client = await login(socketUrl);
    const { hostname, port } = new URL(socketUrl);
    const deaf = rawClient(
      `http://${hostname}:${port}`,
      "GET /v1 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    await expect.poll(() => deaf.received()).toContain("101");
    const before = performance.now();
    stop.abort();
    await app.close();
    expect(performance.now() - before).toBeLessThan(10_000);
    expect((await waiting).status).toBe(503);
    expect((await client.closed).code).toBe(1001);
    await Promise.all([events, deaf.closed]);
  });
});

test("a path that is too long gets an error of the catalogue", async () => {
  const { base } = await start();
  for (const path of ["/images/", "/v1/tasks/"]) {
    const response = await fetch(`${base}${path}${"a".repeat(4_000)}`);
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(await response.json()).toMatchObject({ errors: [{ code: expect.any(String) }] });
  }
});
