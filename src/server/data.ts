/** What a server keeps: its folder, the keys, the database with tasks and images, the files of images. */

import { hostname } from "node:os";
import { join } from "node:path";
import { bucketLocation, openBucket } from "../buckets/index.ts";
import {
  dataDirectory,
  type InstalledModels,
  type ModelLocations,
  modelLocations,
  openModelCatalogue,
  openSharedModels,
  type SharedModels,
} from "../models/index.ts";
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

/** Everything that outlives a request, opened. */
export interface Data {
  readonly folder: string;
  readonly locations: ModelLocations;
  /** Of the bucket of models, where there is one. */
  readonly sharedModels: SharedModels | undefined;
  readonly models: InstalledModels;
  readonly keys: KeyRing;
  readonly db: Database;
  readonly signals: TaskSignals;
  readonly presence: Presence;
  readonly tasks: OpenTaskService;
  /** Tasks that make pictures, by one worker for each device, and those that fetch models: each kind waits in a lane of its own. */
  readonly queues: { readonly pictures: readonly TaskQueue<"pictures">[]; readonly uploads: TaskQueue<"uploads"> };
  readonly files: FileStore;
  /** Of the disks that database and images lie on; none where both are elsewhere. */
  readonly space: DiskSpace;
  readonly images: ImageStore;
  readonly gallery: Gallery;
  readonly thumbnails: Thumbnails;
  close(): Promise<void>;
}

/**
 * Opens all that a server keeps, and waits for a PostgreSQL that is not there yet.
 * @param signal aborting ends the waiting
 */
export async function openData(config: Config, log: Log, signal: AbortSignal | undefined): Promise<Data> {
  if (config.role !== "all" && config.databaseUrl === undefined) {
    throw new ConfigError(
      `--role is "${config.role}", which needs INKSTONE_DATABASE_URL: processes meet on a PostgreSQL; the embedded database has one`,
    );
  }
  const folder = dataDirectory(process.env, config.dataDir);
  await securePrivately(folder).catch((error) => {
    throw folderError(error, folder);
  });
  await openKeyFile(folder).list(); // a damaged key file is told now, not to the first caller
  const db = await openDatabase({
    dataDir: join(folder, "database"),
    url: config.databaseUrl,
    listenUrl: config.databaseListenUrl,
    maxConnections: config.databaseConnections || (config.role === "worker" ? 2 : 8),
    onConnectionLost: (error) => log.warn({ err: error }, "the database connection was lost"),
    onUnprepared: () =>
      log.warn(
        {},
        "a pooler before the database keeps no prepared statements: each is planned again. See max_prepared_statements of PgBouncer",
      ),
    patience: {
      seconds: config.databaseWait,
      onWait: (error, pauseSeconds) =>
        log.warn({ pauseSeconds, reason: error.message }, "waiting for the database, it is tried again"),
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
  const presence = await openPresence({ db, signals, offers });
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
  // Nobody else can have tasks in hand when the database is embedded: take them up again at once.
  for (const [lane, queue] of db.kind === "pglite" ? Object.entries(lanes) : []) {
    await queue
      .sweep(true)
      .catch((error) => log.warn({ lane, err: error }, "lost tasks could not be taken up; it is tried again"));
  }
  return { signals, presence, tasks, queues };
}

/** Models that are shared with other machines are known once this resolves; their weights come when they are drawn with. */
async function openModelsStore(
  config: Config,
  { modelsDir }: ModelLocations,
  log: Log,
): Promise<SharedModels | undefined> {
  if (config.modelsStore === undefined) return undefined;
  const bucket = await openBucket(bucketLocation(config.modelsStore, config));
  const cacheBytes = config.modelsCacheGB > 0 ? config.modelsCacheGB * 1e9 : undefined;
  const shared = openSharedModels({ bucket, modelsDir, cacheBytes });
  await shared
    .refresh()
    .catch((error) => log.warn({ err: error }, "the bucket of models could not be read; it is tried again"));
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
