/** A worker with a stand-in for the engine, on a model that does not exist. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DeviceName } from "../../src/engine/index.ts";
import { createOutbound } from "../../src/server/net/index.ts";
import {
  createImageReferences,
  createImageStore,
  type DiskCalls,
  type FileStore,
  type ImageStore,
  openDisk,
} from "../../src/server/storage/index.ts";
import { createEngineProcess, startWorker, type WorkerOptions } from "../../src/server/worker/index.ts";
import { readConfig } from "../../src/settings/read.ts";
import { MODEL, STAND_IN_ENGINE } from "./stand-in-model.ts";
import type { OpenTasks } from "./tasks.ts";

export interface WorkerSetting extends Partial<WorkerOptions> {
  readonly calls?: DiskCalls;
  readonly abortGrace?: number;
  readonly device?: DeviceName;
}

/** What every worker of a test draws with: a model that does not exist, and what is stored. */
export const drawingOnStandIn = (images: ImageStore, files: FileStore) => ({
  findModel: async () => MODEL,
  references: createImageReferences(images, createOutbound()),
  files,
  safety: readConfig(),
  keepInput: images.addUpload,
  software: "inkstone test",
  keepSeconds: 604_800,
  stepTimeoutMs: 10_000,
});

export async function openWorker(
  tasks: OpenTasks,
  { calls, abortGrace = 200, device, ...options }: WorkerSetting = {},
) {
  const folder = await mkdtemp(join(tmpdir(), "inkstone-worker-"));
  const files = await openDisk(folder, calls);
  const images = createImageStore(tasks.db, files);
  const engine = createEngineProcess({ program: STAND_IN_ENGINE, abortGrace, device });
  const logged: { level: string; facts: Record<string, unknown>; message: string }[] = [];
  const logger = (level: string) => (facts: object, message: string) =>
    void logged.push({ level, facts: facts as Record<string, unknown>, message });
  const worker = startWorker({
    ...drawingOnStandIn(images, files),
    queue: tasks.queue,
    engine,
    log: { info: logger("info"), warn: logger("warn"), error: logger("error") },
    ...options,
  });
  return {
    worker,
    engine,
    images,
    files,
    logged,
    async close() {
      await worker.stop(0);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
