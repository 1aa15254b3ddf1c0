/** The stored data of a server: folder, keys, database with tasks and images, and image files. */

import { hostname } from "node:os";
import { join } from "node:path";
import { bucketLocation, openBucket } from "../buckets/index.ts";
import {
  dataDirectory,
  type InstalledModels,
  type ModelLocations,
  modelLocations,
  openModelCatalogue,
} from "../models/index.ts";
import { openSharedModels, type SharedModels } from "../models/shared/index.ts";
import { type Config, ConfigError } from "../settings/index.ts";
import { type Database, openDatabase } from "./database/index.ts";
import { offersOf } from "./fleet-models.ts";
import { createKeyRing, type KeyRing, openKeyFile } from "./http/index.ts";
import { keysOf } from "./keys.ts";
import type { Log } from "./log.ts";
import { securePrivately } from "./private-folder.ts";
import { databaseError, folderError } from "./start-error.ts";
import {
  claimFolder,
  createGallery,
  createImageStore,
  createThumbnails,
  type DiskSpace,
  type FileStore,
  type Gallery,
  type ImageStore,
  openStorage,
  type Thumbnails,
  watchDisks,
} from "./storage/index.ts";
import {
  createTaskQueue,
  createTaskService,
  type Offers,
  type OpenTaskService,
  openPresence,
  openSignals,
  type Presence,
  type TaskQueue,
  type TaskSignals,
} from "./tasks/index.ts";

/** The open data of a server. */
export interface Data {
  readonly folder: string;
  readonly locations: ModelLocations;
  /** The bucket of models, if one is configured. */
  readonly sharedModels: SharedModels | undefined;
  readonly models: InstalledModels;
  readonly keys: KeyRing;
  readonly db: Database;
  readonly signals: TaskSignals;
  readonly presence: Presence;
  readonly tasks: OpenTaskService;
  /** The queues of image tasks, one worker per device, and of model uploads. Each kind has a separate lane. */
  readonly queues: { readonly pictures: readonly TaskQueue<"pictures">[]; readonly uploads: TaskQueue<"uploads"> };
  readonly files: FileStore;
  /** Free space on the disks of database and images. Never short if both are elsewhere. */
  readonly space: DiskSpace;
  readonly images: ImageStore;
  readonly gallery: Gallery;
  readonly thumbnails: Thumbnails;
  close(): Promise<void>;
}

/**
 * Opens the data of a server. Waits for an unreachable PostgreSQL.
 * @param signal aborting ends the wait
 */
export async function openData(config: Config, log: Log, signal: AbortSignal | undefined): Promise<Data> {
  if (config.role !== "all" && config.databaseUrl === undefined) {
    throw new ConfigError(
      `--role "${config.role}" needs INKSTONE_DATABASE_URL: separate processes share a PostgreSQL, and the embedded database allows only one process`,
    );
  }
  const folder = dataDirectory(process.env, config.dataDir);
  await securePrivately(folder).catch((error) => {
    throw folderError(error, folder);
  });
  await openKeyFile(folder).list(); // report a damaged key file at the start, not to the first caller
  const db = await openDatabase({
    dataDir: join(folder, "database"),
    url: config.databaseUrl,
    listenUrl: config.databaseListenUrl,
    maxConnections: config.databaseConnections || (config.role === "worker" ? 2 : 8),
    onConnectionLost: (error) => log.warn({ err: error }, "the database connection was lost"),
    onUnprepared: () =>
      log.warn(
        {},
        "the pooler of the database does not keep prepared statements, so each is planned every time. See max_prepared_statements of PgBouncer",
      ),
    patience: {
      seconds: config.databaseWait,
      onWait: (error, pauseSeconds) =>
        log.warn({ pauseSeconds, reason: error.message }, "waiting for the database; trying again"),
      signal,
    },
  }).catch((error) => {
    throw databaseError(error, config.databaseUrl);
  });
  try {
    const keys = createKeyRing(config.apiKeys, await keysOf(db, folder));
    const files = await openFiles(config, db, folder);
    const images = createImageStore(db, files);
    const locations = modelLocations({ INKSTONE_MODELS_DIR: config.modelsDir }, folder);
    const sharedModels = await openModelsStore(config, locations, log);
    const models = openModelCatalogue(locations);
    const offers = async () => (config.role === "api" ? { names: [] } : offersOf(models));
    const { tasks, queues, signals, presence } = await openTasks(config, db, log, offers);
    return {
      folder,
      locations,
      sharedModels,
      models,
      keys,
      db,
      signals,
      presence,
      tasks,
      queues,
      files,
      space: watchDisks(disksOf(config, db, folder), config.minFreeMB * 1e6),
      images,
      gallery: createGallery(db),
      thumbnails: createThumbnails(images, files),
      async close() {
        for (const queue of [...queues.pictures, queues.uploads]) queue.close();
        tasks.close();
        await presence.close();
        await signals.close();
        await db.close();
      },
    };
  } catch (error) {
    await db.close();
    throw error;
  }
}

async function openTasks(
  config: Config,
  db: Database,
  log: Log,
  offers: () => Promise<Offers>,
): Promise<Pick<Data, "signals" | "presence" | "tasks" | "queues">> {
  const processName = `${hostname()}-${process.pid}-${crypto.randomUUID().slice(0, 8)}`;
  const signals = await openSignals({ db, processName });
  const presence = await openPresence({ db, signals, offers, answers: config.role !== "worker" });
  const tasks = createTaskService({
    db,
    signals,
    presence,
    maxQueued: config.maxQueue,
    queueShare: config.queueShare,
    abandonAsyncSeconds: config.abandonAsync,
  });
  const common = { db, signals, presence, maxAttempts: config.maxAttempts };
  const queues = {
    pictures: config.devices.map((_, seat) => createTaskQueue({ ...common, lane: "pictures", seat })),
    uploads: createTaskQueue({ ...common, lane: "uploads" }),
  };
  const lanes = { pictures: queues.pictures[0]!, uploads: queues.uploads };
  // With an embedded database, no other process can hold tasks: recover them at once.
  for (const [lane, queue] of db.kind === "pglite" ? Object.entries(lanes) : []) {
    await queue.sweep(true).catch((error) => log.warn({ lane, err: error }, "cannot recover lost tasks; trying again"));
  }
  return { signals, presence, tasks, queues };
}

/**
 * Opens the bucket of models. Shared models are known when this resolves. Their weights are downloaded for the first
 * task.
 */
async function openModelsStore(
  config: Config,
  { modelsDir }: ModelLocations,
  log: Log,
): Promise<SharedModels | undefined> {
  if (config.modelsStore === undefined) return undefined;
  const bucket = await openBucket(bucketLocation(config.modelsStore, config));
  const cacheBytes = config.modelsCacheGB > 0 ? config.modelsCacheGB * 1e9 : undefined;
  const shared = openSharedModels({ bucket, modelsDir, cacheBytes });
  await shared.refresh().catch((error) => log.warn({ err: error }, "cannot read the bucket of models; trying again"));
  return shared;
}

async function openFiles(config: Config, db: Database, folder: string): Promise<FileStore> {
  if (db.kind === "postgres" && config.storage === undefined) await claimFolder(db, join(folder, "images"));
  return openStorage(config, folder);
}

const disksOf = (config: Config, db: Database, folder: string): string[] => [
  ...(db.kind === "pglite" ? [join(folder, "database")] : []),
  ...(config.storage === undefined ? [join(folder, "images")] : []),
];
