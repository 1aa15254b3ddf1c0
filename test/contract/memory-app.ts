/** The HTTP application over tasks in memory. */

import { Registry } from "prom-client";
import { parseJson, replyBody } from "../../src/protocol/index.ts";
import { createKeyRing, type KeyRing } from "../../src/server/http/api-keys.ts";
import { createApp } from "../../src/server/http/app.ts";
import { later } from "../../src/server/http/later.ts";
import { createHttpMetrics } from "../../src/server/http/metrics.ts";
import type { HttpPorts, HttpSettings, Readiness } from "../../src/server/http/ports.ts";
import { createMemoryTasks, type MemoryTasks } from "./memory-tasks.ts";

export const KEY = "test-key";

export interface MemoryApp {
  readonly app: Awaited<ReturnType<typeof createApp>>;
  readonly tasks: MemoryTasks;
  readonly logged: unknown[];
  readonly stop: AbortController;
  readonly base: string;
  readonly socketUrl: string;
  readiness: Readiness;
}

const EMPTY_GALLERY: HttpPorts["gallery"] = {
  list: async () => ({ pictures: [] }),
  find: async () => undefined,
  change: async () => undefined,
  bin: async () => [],
  restore: async () => [],
  totals: async () => ({ pictures: 0, bytes: 0, binned: 0 }),
  emptyBinOf: async () => 0,
  emptyBin: async () => {},
};

export const SETTINGS: HttpSettings = {
  trustProxy: false,
  allowedOrigins: [],
  maxTasks: 20,
  maxQueue: 1000,
  maxBodyBytes: 2 ** 20,
  maxImagePixels: 50_000_000,
  keyUploadMB: 256,
  maxConnections: 200,
  requestTimeout: 60,
  syncTimeout: 30,
  sendTimeout: 5,
  idleTimeout: 120,
  sessionBuffer: 120,
  cancelOnHangUp: true,
};

/** Starts the application on a free port of the loopback interface. */
export async function startMemoryApp(
  settings: Partial<HttpSettings> = {},
  {
    keys = [KEY],
    bytes,
    uploads = {},
    ports = {},
  }: {
    keys?: readonly string[];
    bytes?: Uint8Array;
    uploads?: Partial<HttpPorts["uploads"]>;
    ports?: Partial<HttpPorts>;
  } = {},
): Promise<MemoryApp> {
  const tasks = createMemoryTasks(bytes);
  const logged: unknown[] = [];
  const stop = new AbortController();
  const note = (facts: object, message: string) => void logged.push({ ...facts, message });
  const stored: KeyRing = { list: async () => [], isOpen: async () => true };
  const state: { readiness: Readiness } = { readiness: { ready: true, devices: [] } };
  const app = await createApp({
    settings: { ...SETTINGS, ...settings },
    tasks,
    admit: async () => ({}),
    images: { read: async (fileName) => tasks.files.get(fileName) },
    news: { listen: () => () => {} },
    thumbnails: { read: async () => undefined },
    gallery: EMPTY_GALLERY,
    freeBytes: async () => undefined,
    device: () => "cpu",
    inMemory: async () => [],
    prepare: async () => false,
    uploads: {
      store: async () => {
        const imageUUID = crypto.randomUUID();
        return { imageUUID, fileName: `${imageUUID}.png` };
      },
      remove: async () => false,
      keep: async (_owner, _parameter, imageUUID) => ({ imageUUID, fileName: `${imageUUID}.png` }),
      ...uploads,
    },
    models: {
      list: async () => [
        { air: "runware:108@1", name: "Qwen-Image", version: "1", category: "checkpoint", architecture: "qwen_image" },
      ],
      cost: async () => 0.0077,
    },
    mayName: (url) => !url.includes("//127."),
    keys: createKeyRing(keys, stored),
    metrics: createHttpMetrics(new Registry(), tasks),
    log: { info: note, warn: note, error: note },
    readiness: async () => state.readiness,
    later,
    stopping: stop.signal,
    ...ports,
  });
  const base = await app.listen({ port: 0, host: "127.0.0.1" });
  return {
    app,
    tasks,
    logged,
    stop,
    base,
    socketUrl: `${base.replace("http", "ws")}/v1`,
    get readiness() {
      return state.readiness;
    },
    set readiness(next) {
      state.readiness = next;
    },
  };
}

/** A valid task with changes. */
export const inference = (changes: object = {}) => ({
  taskType: "imageInference",
  taskUUID: crypto.randomUUID(),
  model: "runware:108@1",
  positivePrompt: "a cat",
  width: 512,
  height: 512,
  ...changes,
});

/** Posts tasks; the reply's JSON with its status and headers. */
export async function post(
  base: string,
  tasks: unknown,
  { key = KEY, query = "", signal }: { key?: string | undefined; query?: string; signal?: AbortSignal } = {},
) {
  const response = await fetch(`${base}/v1${query}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(key !== undefined && { authorization: `Bearer ${key}` }) },
    body: typeof tasks === "string" ? tasks : JSON.stringify(tasks),
    signal: signal ?? null,
  });
  const text = await response.text();
  replyBody.parse(parseJson(text)); // whatever it is, it is what the documentation says
  return { status: response.status, headers: response.headers, text, body: JSON.parse(text) };
}
