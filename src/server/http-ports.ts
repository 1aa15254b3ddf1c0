/** Connects the HTTP side with the data and the workers of the server. */

import { fileURLToPath } from "node:url";
import type { Registry } from "prom-client";
import { isDiskFull } from "../disk-error.ts";
import { TaskError } from "../protocol/index.ts";
import type { Config } from "../settings/index.ts";
import type { Data } from "./data.ts";
import { defaultModelTrouble } from "./default-model.ts";
import { fleetModels } from "./fleet-models.ts";
import {
  createHttpMetrics,
  type HttpPorts,
  type KeyLimits,
  type KeyRing,
  later,
  type Readiness,
  type Uploads,
} from "./http/index.ts";
import type { Log } from "./log.ts";
import type { Outbound } from "./net/index.ts";
import { openNews } from "./news.ts";
import { createImageReferences } from "./storage/index.ts";
import type { OwnerId } from "./tasks/index.ts";
import type { Tracer } from "./tracing/index.ts";
import type { Workers } from "./workers.ts";

/** Most parallel downloads for imageUpload. With those of the worker, at most four downloads are in memory. */
const UPLOADS_AT_ONCE = 3;

export interface PortsOptions {
  readonly config: Config;
  readonly data: Data;
  readonly workers: Workers;
  readonly outbound: Outbound;
  readonly register: Registry;
  readonly log: Log;
  readonly tracer: Tracer | undefined;
  /** True if the server is stopping and accepts no more tasks. */
  isClosing(): boolean;
  /** Aborted when the server stops waiting for requests. */
  readonly stopping: AbortSignal;
}

export function httpPorts(options: PortsOptions): HttpPorts {
  const { config, data, workers, outbound, register, log, tracer, isClosing, stopping } = options;
  const { images, tasks, keys, gallery, thumbnails, space, models, presence } = data;
  const installed = fleetModels({ presence, signals: data.signals, own: config.role === "api" ? undefined : models });
  const news = openNews({ db: data.db, signals: data.signals, models: installed });
  const refusalOf = roomFor(config, data);
  // A server that does not generate has no checkpoint to load.
  const modelTrouble = config.role === "api" ? async () => undefined : defaultModelTrouble(models);
  return {
    settings: config,
    tasks,
    admit: async (owner, taskUUID) => {
      if (isClosing()) throw new TaskError("serviceUnavailable", { reason: "It is stopping." }, { retryAfter: 10 });
      if (workers.trouble !== undefined) throw workers.trouble; // an image that cannot be stored need not be generated
      const refusal = await refusalOf(owner);
      // A repeated task is the same task and already has its space.
      if (refusal && (await tasks.get(owner, taskUUID)) === undefined) throw refusal;
      return { mostWaiting: (await limitsOf(keys, owner)).maxWaiting };
    },
    images: {
      read: images.read,
      open: images.open,
      addressOf: config.imageDelivery === "redirect" ? images.addressOf : undefined,
    },
    thumbnails,
    gallery: news.ofGallery(gallery),
    uploads: news.ofUploads(uploadsInto(config, data, outbound, refusalOf)),
    news,
    models: installed,
    mayName: outbound.mayName,
    keys,
    metrics: createHttpMetrics(register, tasks),
    log,
    tracer,
    readiness: () => readiness(data, workers, modelTrouble, isClosing()),
    device: () => workers.devices.map(({ name, note }) => note ?? name).join(", "),
    prepare: workers.prepare,
    inMemory: async () => [...(await workers.inMemory()), ...(await presence.inMemory())],
    freeBytes: space.freeBytes,
    pageFolder: fileURLToPath(new URL("../../web/dist", import.meta.url)),
    docsFolder: fileURLToPath(new URL("../../docs/dist", import.meta.url)),
    later,
    stopping,
  };
}

/** The reason to accept no more data from an owner: the disk is full, or the owner's storage is. */
type RefusalOf = (owner: OwnerId) => Promise<Error | undefined>;

/** Seconds that a key with a full storage should wait. Images may have been deleted by then. */
const STORAGE_RETRY_SECONDS = 60;

function roomFor({ keyStorageMB }: Config, { space, gallery, keys }: Data): RefusalOf {
  return async (owner) => {
    const shortage = await space.shortage();
    if (shortage !== undefined) return shortage;
    const { maxStoredMB = keyStorageMB } = await limitsOf(keys, owner);
    if (maxStoredMB === 0) return undefined;
    const { bytes } = await gallery.totals(owner);
    if (bytes < maxStoredMB * 1e6) return undefined;
    const reason = `has ${Math.floor(bytes / 1e6)} MB of images stored and may have ${maxStoredMB}; delete some, or wait until they expire.`;
    const retryAfter = STORAGE_RETRY_SECONDS;
    return new TaskError("quotaExceeded", { reason, seconds: retryAfter }, { retryAfter });
  };
}

/** The individual limits of a key. None for callers without a key. */
const limitsOf = async (keys: KeyRing, owner: OwnerId): Promise<KeyLimits> =>
  (await keys.list()).find(({ id }) => id === owner) ?? {};

function uploadsInto(config: Config, { images }: Data, outbound: Outbound, refusalOf: RefusalOf): Uploads {
  const references = createImageReferences(images, outbound, {
    maxPixels: config.maxImagePixels,
    imageUrl: config.imageUrl,
    maxDownloads: UPLOADS_AT_ONCE,
    maxDownloadsOfOwner: config.keyDownloads,
  });
  const requireRoom = async (owner: OwnerId) => {
    const refusal = await refusalOf(owner);
    if (refusal) throw refusal;
  };
  return {
    store: async (owner, parameter, image, signal) => {
      await requireRoom(owner);
      const { bytes, header } = await references.load(owner, image, parameter, signal);
      return images.addUpload(owner, bytes, header);
    },
    remove: images.remove,
    keep: async (owner, parameter, imageUUID, bytes, asUpload) => {
      if ((await images.locate(imageUUID)) === undefined) await requireRoom(owner);
      const header = await references.check(bytes, parameter);
      const keepSeconds = asUpload ? undefined : config.resultRetention * 3600;
      return images.addUpload(owner, bytes, header, { imageUUID, keepSeconds });
    },
  };
}

async function readiness(
  data: Data,
  { trouble, devices }: Workers,
  modelTrouble: () => Promise<string | undefined>,
  isClosing: boolean,
): Promise<Readiness> {
  const refused = isClosing
    ? "stopping"
    : (trouble?.message ?? (await outage(data)) ?? withoutDevice(devices) ?? (await modelTrouble()));
  const full = (await data.space.shortage()) !== undefined || isDiskFull(trouble);
  return { ready: refused === undefined, reason: refused, full, devices };
}

/** The reason why nothing can be generated if no device is left. A server that does not generate needs none. */
function withoutDevice(devices: Workers["devices"]): string | undefined {
  const troubles = devices.map(({ name, trouble }) => trouble && `${name}: ${trouble}`);
  const none = troubles.length > 0 && troubles.every((trouble) => trouble !== undefined);
  return none ? troubles.join("; ") : undefined;
}

async function outage({ keys, db, space }: Data): Promise<string | undefined> {
  const shortage = await space.shortage();
  if (shortage !== undefined) return shortage.message;
  const unreadable = await keys.list().then(
    () => undefined,
    (error: Error) => error.message,
  );
  if (unreadable !== undefined) return unreadable;
  return db.query("select 1").then(
    () => undefined,
    () => "the database cannot be reached",
  );
}
