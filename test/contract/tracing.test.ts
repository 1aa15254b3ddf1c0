/** A trace from an HTTP request over the queue into another process, its engine, and on to the webhook, as a collector receives it. */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openTracing } from "../../src/server/tracing/index.ts";
import { TEST_DATABASES } from "../support/databases.ts";
import { startReceiver } from "../support/receiver.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { aTask } from "../support/tasks.ts";
import { login } from "./socket-client.ts";

interface SpanItem {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code?: number };
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
}

interface Batch {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: SpanItem["attributes"] };
    readonly scopeSpans: readonly { readonly spans: readonly SpanItem[] }[];
  }[];
}

const { open, skip } = TEST_DATABASES.find(({ name }) => name === "postgres")!;
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER = "00f067aa0ba902b7";

describe.skipIf(skip !== undefined)(
  `traces over two processes${skip === undefined ? "" : ` (skipped: ${skip})`}`,
  () => {
    let database: Awaited<ReturnType<typeof open>>;
    let folder: string;
    let collector: Awaited<ReturnType<typeof startReceiver>>;
    let hooks: Awaited<ReturnType<typeof startReceiver>>;
    let api: ServerProcess;
    let worker: ServerProcess;

    beforeAll(async () => {
      database = await open();
      folder = await mkdtemp(join(tmpdir(), "inkstone-tracing-"));
      collector = await startReceiver((_, response) =>
        response.setHeader("content-type", "application/json").end("{}"),
      );
      hooks = await startReceiver();
      const env = (role: string) => ({
        INKSTONE_ROLE: role,
        INKSTONE_DATABASE_URL: database.url!,
        INKSTONE_MAX_ATTEMPTS: "1",
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_BSP_SCHEDULE_DELAY: "200",
        OTEL_SERVICE_NAME: `inkstone-${role}`,
        OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=tests",
      });
      worker = await startServerProcess(folder, env("worker"));
      await worker.ready;
      api = await startServerProcess(folder, env("api"));
      await api.ready;
    });
    afterAll(async () => {
      await api?.kill();
      await worker?.kill();
      await collector?.close();
      await hooks?.close();
      await database?.drop();
      if (folder) await rm(folder, { recursive: true, force: true });
    });

    const textOf = (attributes: SpanItem["attributes"], name: string) =>
      attributes.find(({ key }) => key === name)?.value.stringValue;
    /** Spans that have come in, with the service that sent them. */
    const spans = () =>
      collector.received
        .filter(({ path }) => path === "/v1/traces")
        .flatMap(({ body }) => (JSON.parse(body.toString()) as Batch).resourceSpans)
        .flatMap(({ resource, scopeSpans }) => {
          const service = textOf(resource.attributes, "service.name");
          expect(textOf(resource.attributes, "deployment.environment.name")).toBe("tests");
          return scopeSpans.flatMap((scope) => scope.spans.map((span) => ({ ...span, service })));
        });

    async function send(headers: Record<string, string>, fields: Parameters<typeof aTask>[0]) {
      const sent = aTask(fields);
      const all = { "content-type": "application/json", authorization: "Bearer any", ...headers };
      const response = await fetch(`${await api.ready}/v1`, {
        method: "POST",
        headers: all,
        body: `[${sent.request}]`,
      });
      return { status: response.status, taskUUID: sent.task.taskUUID };
    }

    test("the caller's trace continues: request, queue, attempt with its stages, webhook", async () => {
      const traceparent = `00-${TRACE}-${CALLER}-01`;
      const { status, taskUUID } = await send({ traceparent }, { webhookURL: hooks.url, steps: 3, numberResults: 2 });
      expect(status).toBe(200);
      const ofTrace = () => spans().filter(({ traceId }) => traceId === TRACE);
      await expect
        .poll(() => ofTrace().filter(({ name }) => name === "deliver webhook").length, { timeout: 20_000 })
        .toBe(2);
      await expect
        .poll(() => ofTrace().filter(({ name }) => name === "task attempt").length, { timeout: 20_000 })
        .toBe(1);
      await expect.poll(() => ofTrace().filter(({ name }) => name === "POST /v1").length, { timeout: 20_000 }).toBe(1);
      const all = ofTrace();
      const one = (name: string) => all.find((span) => span.name === name)!;
      const names = (service: string) =>
        all
          .filter((span) => span.service === service)
          .map(({ name }) => name)
          .sort();
      expect(names("inkstone-api")).toEqual(["POST /v1", "deliver webhook", "deliver webhook", "submit task"]);
      expect(names("inkstone-worker")).toEqual(
        [
          "task queue",
          "task attempt",
          "inputs",
          "load",
          "encode",
          ...["denoise", "decode", "compress", "store"].flatMap((stage) => [stage, stage]),
        ].sort(),
      );
      expect(one("POST /v1").parentSpanId).toBe(CALLER);
      expect(one("submit task").parentSpanId).toBe(one("POST /v1").spanId);
      for (const name of ["task queue", "task attempt", "deliver webhook"]) {
        expect(one(name).parentSpanId).toBe(one("submit task").spanId);
      }
      for (const name of ["inputs", "load", "encode", "denoise", "decode", "compress", "store"]) {
        expect(one(name).parentSpanId).toBe(one("task attempt").spanId);
      }
      expect(textOf(one("task attempt").attributes, "inkstone.task.uuid")).toBe(taskUUID);
      const deliveries = all.filter(({ name }) => name === "deliver webhook").map(({ spanId }) => spanId);
      expect(hooks.received.map(({ headers }) => headers.traceparent).sort()).toEqual(
        deliveries.map((spanId) => `00-${TRACE}-${spanId}-01`).sort(),
      );
      expect(one("denoise").attributes).toContainEqual({ key: "inkstone.steps", value: { intValue: 3 } });
      for (const { startTimeUnixNano, endTimeUnixNano } of all) {
        expect(BigInt(endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(startTimeUnixNano));
      }
    });

    test("a model upload: request, queue, and the attempt with its stages; a failed one is an error", async () => {
      const lora = await readFile("test/fixtures/lora/files/peft.safetensors");
      const files = await startReceiver(({ path }, response) => response.end(path === "/lora" ? lora : "not weights"));
      const trace = TRACE.replace("4bf92f", "5cf92f");
      const upload = async (name: string) => {
        const taskUUID = crypto.randomUUID();
        const task = { taskType: "modelUpload", taskUUID, category: "lora", air: `me:${name}@1`, name };
        const response = await fetch(`${await api.ready}/v1`, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            authorization: "Bearer any",
            traceparent: `00-${trace}-${CALLER}-01`,
          },
          body: JSON.stringify([{ ...task, downloadURL: `${files.url}/${name}` }]),
        });
        return { taskUUID, status: response.status };
      };
      const [good, bad] = [await upload("lora"), await upload("text")];
      await files.close();
      expect([good.status, bad.status]).toEqual([200, 400]);
      const attemptAt = (taskUUID: string) =>
        spans().find(
          (span) => span.name === "task attempt" && textOf(span.attributes, "inkstone.task.uuid") === taskUUID,
        );
      await expect.poll(() => attemptAt(good.taskUUID), { timeout: 20_000 }).toBeDefined();
      await expect.poll(() => attemptAt(bad.taskUUID), { timeout: 20_000 }).toBeDefined();
      const submitted = (taskUUID: string) =>
        spans().find(
          (span) => span.name === "submit task" && textOf(span.attributes, "inkstone.task.uuid") === taskUUID,
        );
      await expect.poll(() => submitted(bad.taskUUID), { timeout: 20_000 }).toBeDefined();
      const attempt = attemptAt(good.taskUUID)!;
      expect(attempt).toMatchObject({
        traceId: trace,
        service: "inkstone-worker",
        parentSpanId: submitted(good.taskUUID)!.spanId,
      });
      expect(textOf(attempt.attributes, "inkstone.model")).toBe("me:lora@1");
      const under = (parent: string) => spans().filter(({ parentSpanId }) => parentSpanId === parent);
      expect(under(attempt.spanId).map(({ name }) => name)).toEqual(["download", "check", "register"]);
      expect(
        under(submitted(good.taskUUID)!.spanId)
          .map(({ name }) => name)
          .sort(),
      ).toEqual(["task attempt", "task queue"]);
      expect(attemptAt(bad.taskUUID)).toMatchObject({ traceId: trace, status: { code: 2 } });
      const failed = under(attemptAt(bad.taskUUID)!.spanId);
      expect(failed.map(({ name, status }) => [name, status.code])).toEqual([
        ["download", 0],
        ["check", 2],
      ]);
    });

    test("a failed task is an error in its trace; without a valid trace of the caller it starts a new one", async () => {
      const { taskUUID } = await send({ traceparent: "00-0-0-01" }, { positivePrompt: "error" });
      const attempt = () =>
        spans().find(
          (span) => span.name === "task attempt" && textOf(span.attributes, "inkstone.task.uuid") === taskUUID,
        );
      await expect.poll(attempt, { timeout: 20_000 }).toBeDefined();
      expect(attempt()).toMatchObject({
        status: { code: 2 },
        traceId: expect.stringMatching(/^(?!4bf92)[0-9a-f]{32}$/),
      });
    });

    test("a task over a WebSocket", async () => {
      const client = await login(`${(await api.ready).replace("http", "ws")}/v1`, { apiKey: "any" });
      const { task, request } = aTask({ steps: 2 });
      client.send(JSON.parse(request));
      await client.next();
      client.socket.close();
      const named = (name: string) =>
        spans().find((span) => span.name === name && textOf(span.attributes, "inkstone.task.uuid") === task.taskUUID);
      await expect.poll(() => named("task attempt"), { timeout: 20_000 }).toBeDefined();
      await expect.poll(() => named("submit task"), { timeout: 20_000 }).toBeDefined();
      expect(named("submit task")!.parentSpanId || undefined).toBeUndefined();
      expect(named("task attempt")!.traceId).toBe(named("submit task")!.traceId);
    });
  },
);

describe("OpenTelemetry's variables", () => {
  const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" };

  test.each([
    [{}],
    [{ OTEL_TRACES_EXPORTER: "none", ...collector }],
    [{ OTEL_SDK_DISABLED: "true", ...collector }],
    [{ OTEL_SERVICE_NAME: "inkstone" }],
  ])("%j: no traces", async (env) => {
    expect(await openTracing(env)).toBeUndefined();
  });

  test.each([
    [{ OTEL_TRACES_EXPORTER: "zipkin" }, 'OTEL_TRACES_EXPORTER is "zipkin"; it must be otlp, console or none'],
    [
      { ...collector, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
      'OTEL_EXPORTER_OTLP_PROTOCOL is "grpc"; it must be http/json',
    ],
  ])("%j is refused", async (env, message) => {
    await expect(openTracing(env)).rejects.toThrow(message);
  });
});
