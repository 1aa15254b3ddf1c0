/** What works off the tasks: the worker with its engine process, and the receiver of models. */

import type { Registry } from "prom-client";
import { type Adapter, type BringHooks, type InstalledModels, type Model, resolveAdapter } from "../models/index.ts";
import type { Config } from "../settings/index.ts";
import { software } from "../version.ts";
import type { Data } from "./data.ts";
import type { Log } from "./log.ts";
import type { Outbound } from "./net/index.ts";
import { createImageReferences } from "./storage/index.ts";
import {
  createEngineProcess,
  createWorkerMetrics,
  type EngineProcess,
  startReceiver,
  startWorker,
} from "./worker/index.ts";

/** One attempt to fetch the model of an upload. */
export const UPLOAD_TIMEOUT_MS = 3_600_000;

export interface Workers {
  /** What keeps finished pictures from being stored at the moment, if anything. */
  readonly trouble: Error | undefined;
  /** The checkpoint that the engine process has loaded or is loading. */
  readonly checkpoint: EngineProcess["checkpoint"];
  /** Takes no more tasks, lets the running ones finish for so long, and hands back what is not done by then. */
  stop(graceMs: number): Promise<void>;
}

export interface WorkersOptions {
  readonly config: Config;
  readonly data: Data;
  readonly models: InstalledModels;
  readonly outbound: Outbound;
  readonly register: Registry;
  readonly log: Log;
  /** Stands in for the engine child's program. */
  readonly engineProgram: string | undefined;
}

export function startWorkers(options: WorkersOptions): Workers {
  const { config, data, models, outbound, register, log, engineProgram } = options;
  const { locations, queues, files, images, sharedModels } = data;
  const brought = async <M extends Model | Adapter>(model: M, hooks?: BringHooks): Promise<M> => {
    if (model.registration !== undefined) await sharedModels?.bring(model.registration, hooks);
    return model;
  };
  const engine = createEngineProcess({
    // The worker's own watchdog comes first, and knows what to say of a task that hangs.
    stallTimeout: 2 * config.stepTimeout * 1000,
    threads: config.threads > 0 ? config.threads : undefined,
    device: config.device,
    faceModel: config.faceModel,
    idleMs: config.finishingIdle * 1000,
    program: engineProgram,
  });
  const worker = startWorker({
    queue: queues.pictures,
    engine,
    findModel: async (air, hooks) => brought(await models.find(air), hooks),
    findAdapter: async (air, kind, hooks) => brought(await resolveAdapter(air, kind, locations), hooks),
    // One picture after the other.
    references: createImageReferences(images, outbound, {
      maxPixels: config.maxImagePixels,
      imageUrl: config.imageUrl,
    }),
    files,
    safety: config,
    keepInput: images.addUpload,
    software,
    keepSeconds: config.imageRetention * 3600,
    metrics: createWorkerMetrics(register),
    log,
    stepTimeoutMs: config.stepTimeout * 1000,
  });
  const receiver = startReceiver({
    queue: queues.uploads,
    locations,
    outbound,
    maxBytes: config.maxModelMB * 1e6,
    timeoutMs: UPLOAD_TIMEOUT_MS,
    registered: models.refresh,
    log,
  });
  return {
    get trouble() {
      return worker.trouble;
    },
    get checkpoint() {
      return engine.checkpoint;
    },
    async stop(graceMs) {
      await Promise.all([worker.stop(graceMs), receiver.stop(graceMs)]);
    },
  };
}
