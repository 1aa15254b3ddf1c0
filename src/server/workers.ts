/** The workers of a server: each with an engine process, and the receiver of models. */

import { Gauge, type Registry } from "prom-client";
import { type Adapter, type AdapterKind, type Model, resolveAdapter } from "../models/index.ts";
import { type BringHooks, isMirrored } from "../models/shared/index.ts";
import type { Config } from "../settings/index.ts";
import { software } from "../version.ts";
import type { Data } from "./data.ts";
import type { Log } from "./log.ts";
import type { Outbound } from "./net/index.ts";
import { createImageReferences } from "./storage/index.ts";
import type { ModelInMemory } from "./tasks/index.ts";
import type { Tracer } from "./tracing/index.ts";
import {
  createEngineProcess,
  createWorkerMetrics,
  type EngineProcess,
  startReceiver,
  startWorker,
} from "./worker/index.ts";

/** Timeout of one attempt to download an uploaded model. */
export const UPLOAD_TIMEOUT_MS = 3_600_000;

export interface Workers {
  /** The problem that currently prevents storing images, if any. */
  readonly trouble: Error | undefined;
  /** The checkpoints that the engine processes have loaded or are loading. */
  inMemory(): Promise<readonly ModelInMemory[]>;
  /** Loads the model with this AIR before its first task, in a worker without a task. False if none does, or the model is in a bucket. */
  prepare(air: string): Promise<boolean>;
  /** The devices: one engine process each. */
  readonly devices: readonly EngineProcess["device"][];
  /** Resolves after the first attempt to open every device. */
  readonly tried: Promise<void>;
  /** Takes no more tasks, gives the running ones this time to finish, and returns unfinished ones to the queue. */
  stop(graceMs: number): Promise<void>;
}

export interface WorkersOptions {
  readonly config: Config;
  readonly data: Data;
  readonly outbound: Outbound;
  readonly register: Registry;
  readonly log: Log;
  readonly tracer: Tracer | undefined;
  /** Replaces the program of the engine process. */
  readonly engineProgram: string | undefined;
}

export function startWorkers(options: WorkersOptions): Workers {
  const { config, data, outbound, register, log, tracer, engineProgram } = options;
  const { locations, models, presence, queues, files, images, sharedModels } = data;
  const brought = async <M extends Model | Adapter>(model: M, hooks?: BringHooks): Promise<M> => {
    if (model.registration !== undefined) await sharedModels?.bring(model.registration, hooks);
    return model;
  };
  const engines = config.devices.map((device) =>
    createEngineProcess({
      // The worker's watchdog fires first, because it can report the task that hangs.
      stallTimeout: 2 * config.stepTimeout * 1000,
      threads: config.threads > 0 ? config.threads : undefined,
      device,
      precision: config.precision,
      deviceMemory: config.deviceMemoryMB > 0 ? config.deviceMemoryMB * 1e6 : undefined,
      faceModel: config.faceModel,
      idleMs: config.finishingIdle * 1000,
      onCheckpoint: () => presence.hold(inMemory),
      program: engineProgram,
    }),
  );
  async function inMemory(): Promise<ModelInMemory[]> {
    const held = await Promise.all(
      engines.map(async ({ checkpoint }) => {
        const air = checkpoint && (await models.airOf(checkpoint.folder));
        return air === undefined ? [] : [{ air, state: checkpoint!.state }];
      }),
    );
    return held.flat();
  }
  countDevices(register, engines);
  const common = {
    findModel: async (air: string, hooks?: BringHooks) => brought(await models.find(air), hooks),
    findAdapter: async (air: string, kind: AdapterKind, hooks?: BringHooks) =>
      brought(await resolveAdapter(air, kind, locations), hooks),
    // One image after the other.
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
    tracer,
    stepTimeoutMs: config.stepTimeout * 1000,
    modelIdleMs: config.modelIdle * 60_000,
  };
  const workers = engines.map((engine, i) => startWorker({ ...common, queue: queues.pictures[i]!, engine }));
  const receiver = startReceiver({
    queue: queues.uploads,
    locations,
    outbound,
    maxBytes: config.maxModelMB * 1e6,
    timeoutMs: UPLOAD_TIMEOUT_MS,
    isElsewhere: presence.isElsewhere,
    registered: async () => {
      models.refresh();
      await presence.announce();
    },
    tracer,
    log,
  });
  return {
    get trouble() {
      return workers.map(({ trouble }) => trouble).find((trouble) => trouble !== undefined);
    },
    inMemory,
    async prepare(air) {
      const { folder, registration } = await models.find(air);
      if (registration !== undefined && isMirrored(registration)) return false; // a task downloads its weights
      if (engines.some(({ checkpoint }) => checkpoint?.folder === folder)) return true;
      return workers.some((worker) => worker.prepare(folder));
    },
    get devices() {
      return engines.map(({ device }) => device);
    },
    tried: Promise.all(workers.map(({ tried }) => tried)).then(() => {}),
    async stop(graceMs) {
      const retired = presence.retire();
      await Promise.all([...[...workers, receiver].map((one) => one.stop(graceMs)), retired]);
    },
  };
}

/** Registers the state of the devices. */
export function countDevices(register: Registry, engines: readonly Pick<EngineProcess, "device">[]): void {
  new Gauge({
    name: "inkstone_device_usable",
    help: "1 if the device is usable, 0 if not, by its position in INKSTONE_DEVICE",
    labelNames: ["device", "engine"],
    registers: [register],
    collect() {
      engines.forEach(({ device: { name, trouble } }, engine) => {
        this.set({ device: name, engine }, trouble === undefined ? 1 : 0);
      });
    },
  });
}
/** The workers of a server that does not generate. */
export const NO_WORKERS: Workers = {
  trouble: undefined,
  inMemory: async () => [],
  prepare: async () => false,
  devices: [],
  tried: Promise.resolve(),
  stop: async () => {},
};
