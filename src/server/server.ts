/** The composition root: builds every part of a server from its settings and connects them. */

import { statfs } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { collectDefaultMetrics, Registry } from "prom-client";
import { requireFaceModel } from "../drawing/index.ts";
import type { DeviceName } from "../engine/index.ts";
import { dataDirectory, modelLocations, openModelCatalogue, removeAbandoned, resolveAdapter } from "../models/index.ts";
import { TaskError } from "../protocol/index.ts";
import type { Config } from "../settings/index.ts";
import { software } from "../version.ts";
import { openDatabase } from "./database/index.ts";
import { startDeliverer, webhookSecret } from "./delivery/index.ts";
import {
  createApp,
  createHttpMetrics,
  createKeyRing,
  failure,
  imageItem,
  isPictureRecord,
  openKeyFile,
  type Readiness,
} from "./http/index.ts";
import { createLog, type Log } from "./log.ts";
import { createOutbound } from "./net/index.ts";
import { securePrivately } from "./private-folder.ts";
import {
  claimFolder,
  createGallery,
  createImageReferences,
  createImageStore,
  createThumbnails,
  openStorage,
} from "./storage/index.ts";
import { createTaskQueue, createTaskService, expireTasks, openSignals } from "./tasks/index.ts";
import { startUpkeep } from "./upkeep.ts";
import { createEngineProcess, createWorkerMetrics, startReceiver, startWorker } from "./worker/index.ts";

/** One attempt to fetch the model of an upload. */
const UPLOAD_TIMEOUT_MS = 3_600_000;

/** Pictures that are fetched for imageUpload at once; with the worker's there are four downloads in memory at most. */
const UPLOADS_AT_ONCE = 3;

/** A running server. */
export interface Server {
  /** Where it listens: `http://127.0.0.1:7437`. */
  readonly address: string;
  /**
   * Takes no more tasks, lets the running one finish for so many seconds, then keeps it for the next start, answers who
   * still waits, and closes. May be called again with fewer seconds.
   */
  stop(graceSeconds?: number): Promise<void>;
}

/** Parts that a caller may bring along. */
export interface ServerParts {
  readonly log?: Log;
  /** Aborting ends the waiting for a database that is not there yet; `createServer` then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Stands in for the engine child's program. */
  readonly engineProgram?: string;
}

/** Starts a server: database, queue, worker with its engine process, deliveries and HTTP. Resolves once it listens. */
export async function createServer(config: Config, parts: ServerParts = {}): Promise<Server> {
  const log = parts.log ?? createLog({ level: config.logLevel, prompts: config.logPrompts });
  const folder = dataDirectory(process.env, config.dataDir);
  requireFaceModel(config.faceModel);
  const locations = modelLocations({ INKSTONE_MODELS_DIR: config.modelsDir }, folder);
  const processName = `${hostname()}-${process.pid}-${crypto.randomUUID().slice(0, 8)}`;

  await securePrivately(folder);
  const keys = createKeyRing(config.apiKeys, openKeyFile(folder));
  await keys.list(); // a damaged key file is told now, not to the first caller
  const db = await openDatabase({
    dataDir: join(folder, "database"),
    url: config.databaseUrl,
    onConnectionLost: (error) => log.warn({ err: error }, "the database connection was lost"),
    patience: {
      seconds: config.databaseWait,
      onWait: (error, pauseSeconds) =>
        log.warn({ pauseSeconds, reason: error.message }, "waiting for the database, it is tried again"),
      signal: parts.signal,
    },
  });
  const signals = await openSignals({ db, processName });
  const tasks = createTaskService({
    db,
    signals,
    maxQueued: config.maxQueue,
    queueShare: config.queueShare,
    abandonAsyncSeconds: config.abandonAsync,
  });
  const { maxAttempts } = config;
  const queue = createTaskQueue({ db, signals, lane: "pictures", worker: processName, maxAttempts });
  const modelQueue = createTaskQueue({ db, signals, lane: "uploads", worker: processName, maxAttempts, pollMs: 5_000 });
  const upkeepFailed = (chore: string, error: unknown) =>
    log.warn({ chore, err: error }, "upkeep failed; it is tried again");
  // Nobody else can have tasks in hand when the database is embedded: take them up again at once.
  const alone = db.kind === "pglite";
  await queue.sweep(alone).catch((error) => upkeepFailed("lost tasks", error));
  await modelQueue.sweep(alone).catch((error) => upkeepFailed("lost uploads", error));

  if (db.kind === "postgres" && config.storage === undefined) await claimFolder(db, join(folder, "images"));
  const files = await openStorage(config, folder);
  const images = createImageStore(db, files);
  const gallery = createGallery(db);
  const outbound = createOutbound({ allow: config.allowedAddresses });
  const limits = { maxPixels: config.maxImagePixels, imageUrl: config.imageUrl };
  // The worker loads one picture after the other, and does not wait for those that clients upload.
  const references = createImageReferences(images, outbound, limits);
  const uploads = createImageReferences(images, outbound, { ...limits, maxDownloads: UPLOADS_AT_ONCE });

  const models = openModelCatalogue(locations);
  const register = new Registry();
  collectDefaultMetrics({ register });
  const stopping = new AbortController();
  let closing = false;
  let base = "";

  const engine = createEngineProcess({
    // The worker's own watchdog comes first, and knows what to say of a task that hangs.
    stallTimeout: 2 * config.stepTimeout * 1000,
    threads: config.threads > 0 ? config.threads : undefined,
    device: config.device as DeviceName,
    faceModel: config.faceModel,
    idleMs: config.finishingIdle * 1000,
    program: parts.engineProgram,
  });
  const worker = startWorker({
    queue,
    engine,
    findModel: models.find,
    findAdapter: (air, kind) => resolveAdapter(air, kind, locations),
    references,
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
    queue: modelQueue,
    locations,
    outbound,
    maxBytes: config.maxModelMB * 1e6,
    timeoutMs: UPLOAD_TIMEOUT_MS,
    registered: models.refresh,
    log,
  });

  const readiness = async (): Promise<Readiness> => {
    if (closing) return { ready: false, reason: "stopping" };
    if (worker.trouble !== undefined) return { ready: false, reason: worker.trouble.message };
    const unreadable = await keys.list().then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (unreadable !== undefined) return { ready: false, reason: unreadable };
    return db.query("select 1").then(
      () => ({ ready: true }),
      () => ({ ready: false, reason: "the database cannot be reached" }),
    );
  };

  const app = await createApp({
    settings: config,
    tasks: {
      ...tasks,
      submit: async (...submission: Parameters<typeof tasks.submit>) => {
        if (closing) throw new TaskError("serviceUnavailable", { reason: "It is stopping." }, { retryAfter: 10 });
        if (worker.trouble !== undefined) throw worker.trouble; // what cannot be stored need not be drawn
        return tasks.submit(...submission);
      },
    },
    images: {
      read: images.read,
      open: images.open,
      addressOf: config.imageDelivery === "redirect" ? images.addressOf : undefined,
    },
    thumbnails: createThumbnails(images, files),
    gallery,
    uploads: {
      store: async (owner, parameter, image, signal) => {
        const { bytes, header } = await uploads.load(owner, image, parameter, signal);
        return images.addUpload(owner, bytes, header);
      },
      remove: images.remove,
      keep: async (owner, parameter, imageUUID, bytes, asUpload) => {
        const header = await uploads.check(bytes, parameter);
        const keepSeconds = asUpload ? undefined : config.resultRetention * 3600;
        return images.addUpload(owner, bytes, header, { imageUUID, keepSeconds });
      },
    },
    models,
    mayName: outbound.mayName,
    keys,
    metrics: createHttpMetrics(register, tasks),
    log,
    readiness,
    device: config.device,
    inMemory: async () => {
      const { checkpoint } = engine;
      const air = checkpoint && (await models.airOf(checkpoint.folder));
      return air === undefined ? undefined : { air, state: checkpoint!.state };
    },
    freeBytes: () => freeBytes(folder),
    pageFolder: fileURLToPath(new URL("../../web/dist", import.meta.url)),
    stopping: stopping.signal,
  });

  const { webhookSecret: secret = await webhookSecret(folder) } = config;
  const deliverer = startDeliverer({
    db,
    signals,
    outbound,
    log,
    webhookBody: config.webhookStyle,
    webhookSecrets: secret.split(" "),
    sources: {
      resultItem: async (record, result) => {
        if (!isPictureRecord(record)) throw new TypeError(`${record.task.taskType} has no pictures`);
        return imageItem(record, result, { images, imagesUrl: config.imageUrl ?? `${base}/images` }).make();
      },
      errorItem: (record) => failure(record, `${base}/docs`)[0]!,
      read: (fileName) => images.read(fileName),
    },
  });
  const stopUpkeep = startUpkeep(
    [
      { name: "bin", everyMs: 10_000, run: () => gallery.emptyBin() },
      { name: "images", everyMs: 10_000, run: () => images.sweep() },
      { name: "abandoned tasks", everyMs: 5_000, run: () => tasks.abandonUnasked() },
      { name: "space", everyMs: 600_000, run: () => db.vacuum() },
      { name: "tasks", everyMs: 60_000, run: () => expireTasks(db, config.resultRetention * 3600) },
      { name: "abandoned uploads", everyMs: 3_600_000, run: () => removeAbandoned(locations, 2 * UPLOAD_TIMEOUT_MS) },
      { name: "lost tasks", everyMs: 5_000, run: () => queue.sweep() },
      { name: "lost uploads", everyMs: 5_000, run: () => modelQueue.sweep() },
    ],
    upkeepFailed,
  );

  const close = async (): Promise<void> => {
    await stopUpkeep();
    await deliverer.stop();
    queue.close();
    modelQueue.close();
    tasks.close();
    await signals.close();
    await db.close();
  };
  let address: string;
  try {
    address = await app.listen({ host: config.host, port: config.port });
  } catch (error) {
    await Promise.all([worker.stop(0), receiver.stop(0)]);
    await close();
    throw error;
  }
  base = config.publicUrl ?? address.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");
  log.info({ address, dataDir: folder, database: db.kind }, "listening");

  let stopped: Promise<void> | undefined;
  return {
    address,
    stop(graceSeconds = config.shutdownGrace) {
      closing = true;
      const rested = Promise.all([worker.stop(graceSeconds * 1000), receiver.stop(graceSeconds * 1000)]);
      stopped ??= rested.then(async () => {
        stopping.abort();
        await app.close();
        await close();
        log.info({}, "stopped");
      });
      return stopped;
    },
  };
}

/** Bytes that are free on the disk of a folder; undefined where the system does not say. */
async function freeBytes(folder: string): Promise<number | undefined> {
  const disk = await statfs(folder).catch(() => undefined);
  return disk && disk.bavail * disk.bsize;
}
