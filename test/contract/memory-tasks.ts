/** A task service in memory: tests decide when pictures are finished. */

import { randomUUID } from "node:crypto";
import { contentTypeOf, extensionOf } from "../../src/pictures/index.ts";
import { isPictureTask, resultSeed, resultsOf, stringifyJson, type TaskErrorBody } from "../../src/protocol/index.ts";
import type { StoredImage } from "../../src/server/storage/index.ts";
import type { TaskEvent, TaskRecord, TaskResult, TaskService } from "../../src/server/tasks/index.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export interface MemoryTasks extends TaskService {
  /** What happens to a task as soon as it is accepted. */
  onAccept: (taskUUID: string) => void;
  /** Resolves once the task has been handed in. */
  accepted(taskUUID: string): Promise<void>;
  /** How many are told what becomes of a task. */
  listening(taskUUID: string): number;
  /** Finishes the next picture; the last one ends the task. */
  picture(taskUUID: string): TaskResult;
  /** Finishes all pictures. */
  finish(taskUUID: string): void;
  fail(taskUUID: string, error: TaskErrorBody): void;
  progress(taskUUID: string, step: number, steps: number): void;
  readonly records: ReadonlyMap<string, TaskRecord>;
  readonly files: Map<string, StoredImage>;
  maxQueued: number;
}

export function createMemoryTasks(bytes: Uint8Array = Buffer.from("picture".repeat(9))): MemoryTasks {
  const records = new Map<string, Mutable<TaskRecord>>();
  const requests = new Map<string, string>();
  const listeners = new Map<string, Set<(event: TaskEvent) => void>>();
  const files = new Map<string, StoredImage>();
  const abandoned = new Set<TaskRecord>();
  const find = (owner: string, taskUUID: string) => {
    const record = records.get(taskUUID.toLowerCase());
    return record?.owner === owner ? record : undefined;
  };
  const tell = (taskUUID: string, event: TaskEvent) => {
    for (const listener of [...(listeners.get(taskUUID) ?? [])]) listener(event);
  };
  const start = (record: Mutable<TaskRecord>) => {
    if (record.state !== "queued") return;
    record.state = "running";
    record.attempt = 1;
    tell(record.taskUUID, { type: "started", attempt: 1 });
  };
  const end = (record: Mutable<TaskRecord>, state: TaskRecord["state"]) => {
    record.state = state;
    tell(record.taskUUID, { type: "final", record: { ...record } });
    listeners.delete(record.taskUUID);
  };
  const arrivals = new Map<string, PromiseWithResolvers<void>>();
  const arrival = (taskUUID: string) => {
    const found = arrivals.get(taskUUID) ?? Promise.withResolvers<void>();
    arrivals.set(taskUUID, found);
    return found;
  };
  const isFinal = ({ state }: TaskRecord) => state !== "queued" && state !== "running";

  const service: MemoryTasks = {
    records,
    files,
    maxQueued: 1000,
    accepted: (taskUUID) => arrival(taskUUID).promise,
    listening: (taskUUID) => listeners.get(taskUUID)?.size ?? 0,
    onAccept: (taskUUID) => service.finish(taskUUID),
    async submit(owner, { task, request }) {
      const known = find(owner, task.taskUUID);
      if (known !== undefined) {
        const again = abandoned.delete(known) || known.state === "failed";
        if (!again && stringifyJson(known.task) !== stringifyJson(task)) return { kind: "conflict" };
        if (!again) return { kind: "known", record: { ...known } };
      }
      if ([...records.values()].filter((record) => !isFinal(record)).length >= service.maxQueued) {
        return { kind: "queueFull", waiting: service.maxQueued, retryAfterSeconds: 7 };
      }
      const record: Mutable<TaskRecord> = {
        owner,
        taskUUID: task.taskUUID,
        state: "queued",
        task,
        seed: task.taskType === "imageInference" ? (task.seed ?? 42n) : 0n,
        results: [],
        attempt: 0,
        place: 0,
        createdAt: new Date(),
      };
      records.set(task.taskUUID, record);
      requests.set(task.taskUUID, request);
      const accepted = { ...record };
      setImmediate(() => {
        service.onAccept(task.taskUUID);
        arrival(task.taskUUID).resolve();
      });
      return { kind: "accepted", record: accepted };
    },
    get: async (owner, taskUUID) => {
      const record = find(owner, taskUUID);
      return record && { ...record, taskUUID };
    },
    async waitForFinal(owner, task, signal) {
      const taskUUID = typeof task === "string" ? task : task.taskUUID;
      const final = Promise.withResolvers<TaskRecord>();
      const stop = await service.subscribe(owner, taskUUID, (event) => {
        if (event.type === "final") final.resolve(event.record);
      });
      if (stop === undefined) return undefined;
      const giveUp = () => final.reject(signal!.reason);
      if (signal?.aborted) giveUp();
      signal?.addEventListener("abort", giveUp, { once: true });
      return final.promise.finally(stop);
    },
    cancel: async (owner, taskUUID) => {
      const record = find(owner, taskUUID);
      if (record !== undefined && !isFinal(record)) end(record, "cancelled");
      return record && { ...record, taskUUID };
    },
    async abandon(owner, taskUUID) {
      const record = find(owner, taskUUID);
      if (record === undefined || isFinal(record)) return;
      abandoned.add(record);
      end(record, "cancelled");
    },
    subscribe: async (owner, taskUUID, listener) => {
      const record = find(owner, taskUUID);
      if (record === undefined) return undefined;
      if (record.attempt > 0) listener({ type: "started", attempt: record.attempt });
      for (const result of record.results) listener({ type: "result", result });
      if (isFinal(record)) {
        listener({ type: "final", record: { ...record } });
        return () => undefined;
      }
      const all = listeners.get(taskUUID) ?? new Set();
      listeners.set(taskUUID, all.add(listener));
      return () => void all.delete(listener);
    },
    list: async (owner, { states, limit }) => ({
      tasks: [...records.values()]
        .filter((record) => record.owner === owner && states.includes(record.state))
        .reverse()
        .slice(0, limit)
        .map((record) => ({ record: { ...record }, request: requests.get(record.taskUUID)! })),
    }),
    async cancelQueued(owner) {
      const waiting = [...records.values()].filter((record) => record.owner === owner && record.state === "queued");
      for (const record of waiting) end(record, "cancelled");
      return waiting.length;
    },
    async follow(owner, listener) {
      const own = [...records.values()].filter((record) => record.owner === owner && !isFinal(record));
      const stops = await Promise.all(
        own.map(({ taskUUID }) => service.subscribe(owner, taskUUID, (event) => listener(taskUUID, event))),
      );
      return () => {
        for (const stop of stops) stop?.();
      };
    },
    request: async (owner, taskUUID) => find(owner, taskUUID) && requests.get(taskUUID),
    deliveries: async () => [],
    pace: async () => undefined,
    counts: async () => {
      const all = [...records.values()];
      const count = (state: string) => all.filter((record) => record.state === state).length;
      return { queued: count("queued"), running: count("running") };
    },
    picture(taskUUID) {
      const record = records.get(taskUUID)!;
      if (!isPictureTask(record.task)) throw new Error(`${taskUUID} makes no pictures`);
      const index = record.results.length;
      const imageUUID = randomUUID();
      const { outputFormat, width = 64, height = 64 } = { width: undefined, height: undefined, ...record.task };
      const fileName = `${imageUUID}.${extensionOf(outputFormat)}`;
      const contentType = contentTypeOf(outputFormat);
      const result: TaskResult = {
        index,
        imageUUID,
        seed: resultSeed(record.seed, index),
        outputFormat,
        fileName,
        contentType,
        width,
        height,
        byteLength: bytes.length,
        cost: 0.0077,
        createdAt: new Date(),
      };
      files.set(fileName, { bytes, contentType, secondsLeft: 604_800 });
      start(record);
      record.results = [...record.results, result];
      tell(taskUUID, { type: "result", result });
      if (record.results.length === resultsOf(record.task)) end(record, "succeeded");
      return result;
    },
    finish(taskUUID) {
      const record = records.get(taskUUID)!;
      if (record.task.taskType === "modelUpload") end(record, "succeeded");
      while (!isFinal(record)) service.picture(taskUUID);
    },
    fail(taskUUID, error) {
      const record = records.get(taskUUID)!;
      start(record);
      record.error = error;
      end(record, "failed");
    },
    progress(taskUUID, step, steps) {
      const record = records.get(taskUUID)!;
      start(record);
      record.progress = { image: 0, images: resultsOf(record.task), step, steps, percentage: (100 * step) / steps };
      tell(taskUUID, { type: "progress", ...record.progress });
    },
  };
  return service;
}
