/** Tasks, results and an opened task service for tests. */

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type ImageInferenceTask,
  imageInference,
  type ModelUploadTask,
  resultSeed,
  stringifyJson,
  TaskError,
} from "../../src/protocol/index.ts";
import { modelUpload } from "../../src/protocol/model-upload.ts";
import type { Database } from "../../src/server/database/index.ts";
import {
  type Claim,
  createTaskQueue,
  createTaskService,
  expireTasks,
  imageUUID,
  type NewResult,
  openPresence,
  openSignals,
  type Submission,
} from "../../src/server/tasks/index.ts";

/** A valid task as a client would send it, with `fields` on top. */
export function aTask(fields: Partial<ImageInferenceTask> = {}): Submission & { readonly task: ImageInferenceTask } {
  const sent = {
    taskType: "imageInference",
    taskUUID: randomUUID(),
    model: "runware:108@1",
    positivePrompt: "a teapot",
    width: 128,
    height: 128,
    steps: 4,
    ...fields,
  };
  return { task: imageInference.parse(sent), request: stringifyJson(sent) };
}

/** A valid upload of a LoRA. */
export function anUpload(): Submission & { readonly task: ModelUploadTask } {
  const downloadURL = "http://files.example/lora";
  const sent = {
    taskType: "modelUpload",
    taskUUID: randomUUID(),
    category: "lora",
    air: "me:a@1",
    name: "A",
    downloadURL,
  };
  return { task: modelUpload.parse(sent), request: stringifyJson(sent) };
}

/** What a worker records for picture `index` of its task. */
export function aResult(claim: Claim, index: number): NewResult {
  const uuid = imageUUID(claim.salt, index);
  return {
    index,
    imageUUID: uuid,
    seed: resultSeed(claim.seed, index),
    outputFormat: "PNG",
    fileName: `${uuid}.png`,
    contentType: "image/png",
    width: 128,
    height: 128,
    byteLength: 100,
    cost: 0.0058,
    keepSeconds: 604_800,
  };
}

export type OpenTasks = Awaited<ReturnType<typeof openTasks>>;

/** Service and queue on one database, as in the one-process server; retries come without a pause. */
export async function openTasks(db: Database, maxQueued = 20, pollMs = 100) {
  const signals = await openSignals({ db, processName: randomUUID() });
  const presence = await openPresence({ db, signals });
  const service = createTaskService({ db, signals, presence, maxQueued, pollMs });
  const queue = createTaskQueue({
    db,
    signals,
    presence,
    lane: "pictures",
    retryPauseSeconds: () => 0,
    renewMs: 1e6,
    pollMs,
  });
  return {
    db,
    signals,
    presence,
    service,
    queue,
    maxQueued,
    error: new TaskError("inferenceError", { reason: "Test." }).body,
    clear: () => db.script("truncate tasks, images, deliveries restart identity cascade"),
    expire: () => expireTasks(db, 24 * 3600),
    /** Lets readings that signals caused come in. */
    settle: () => sleep(50),
    async close() {
      queue.close();
      service.close();
      await presence.close();
      await signals.close();
    },
  };
}
