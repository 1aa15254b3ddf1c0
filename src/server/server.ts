/** The composition root: opens the data of a server, starts the workers, and connects both with HTTP. */

import { collectDefaultMetrics, Registry } from "prom-client";
import { requireFaceModel } from "../drawing/index.ts";
import { removeAbandoned } from "../models/install/index.ts";
import type { Config } from "../settings/index.ts";
import { type Data, openData } from "./data.ts";
import { type Deliverer, sharedWebhookSecret, startDeliverer } from "./delivery/index.ts";
import { createApp, failure, imageItem, isPictureRecord } from "./http/index.ts";
import { httpPorts } from "./http-ports.ts";
import { isThisMachine, listen, requirePublicUrl } from "./listening.ts";
import { createLog, type Log } from "./log.ts";
import { createOutbound, type Outbound } from "./net/index.ts";
import { sweepOrphans } from "./storage/index.ts";
import { expireTasks, forgetGone } from "./tasks/index.ts";
import { openTracing, type Tracer } from "./tracing/index.ts";
import { startUpkeep } from "./upkeep.ts";
import { NO_WORKERS, startWorkers, UPLOAD_TIMEOUT_MS } from "./workers.ts";

/** A running server. */
export interface Server {
  /** The address it listens on: `http://127.0.0.1:7437`, or `unix:/path`. */
  readonly address: string;
  /** The devices, one line per engine process, with the reason if a device cannot be used. */
  readonly devices: readonly string[];
  /**
   * Takes no more tasks and gives the running one this time to finish. Otherwise the task stays for the next start.
   * Then answers waiting requests and closes. A further call may shorten the time.
   */
  stop(graceSeconds?: number): Promise<void>;
}

/** Parts that a caller may supply. */
export interface ServerParts {
  readonly log?: Log;
  /** Aborting ends the wait for an unreachable database. `createServer` then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Replaces the program of the engine process. */
  readonly engineProgram?: string;
}

/** Starts a server: database, queue, worker with its engine process, deliveries and HTTP. Resolves when it listens. */
export async function createServer(config: Config, parts: ServerParts = {}): Promise<Server> {
  const log = parts.log ?? createLog({ level: config.logLevel, prompts: config.logPrompts, format: config.logFormat });
  requireFaceModel(config.faceModel);
  requirePublicUrl(config);
  const tracing = await openTracing(process.env);
  const tracer = tracing?.tracer;
  const data = await openData(config, log, parts.signal);
  const outbound = createOutbound({ allow: config.allowedAddresses });
  const register = new Registry();
  collectDefaultMetrics({ register });
  const workers =
    config.role === "api"
      ? NO_WORKERS
      : startWorkers({ config, data, outbound, register, log, tracer, engineProgram: parts.engineProgram });

  const stopping = new AbortController();
  let closing = false;
  const app = await createApp(
    httpPorts({
      config,
      data,
      workers,
      outbound,
      register,
      log,
      tracer,
      isClosing: () => closing,
      stopping: stopping.signal,
    }),
  );
  /** The address of this server in deliveries. Known when it listens. */
  let publicUrl = config.publicUrl ?? "";
  // Only servers that clients reach deliver, because deliveries contain the address of the server.
  const deliverer =
    config.role === "worker" ? undefined : await deliverFrom(config, data, outbound, { log, tracer }, () => publicUrl);
  const stopUpkeep = keepUp(config, data, log);
  const close = async (): Promise<void> => {
    await stopUpkeep();
    await deliverer?.stop();
    await data.close();
    await tracing?.close();
  };

  let address: string;
  try {
    address = await listen(app, config);
  } catch (error) {
    await workers.stop(0);
    stopping.abort();
    await app.close();
    await close();
    throw error;
  }
  publicUrl ||= address.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");
  await workers.tried;
  const devices = workers.devices.map(({ name, note, trouble }) => note ?? `${name}: ${trouble}`);
  log.info({ address, role: config.role, dataDir: data.folder, database: data.db.kind, devices }, "listening");
  if (!isThisMachine(config) && (await data.keys.isOpen())) {
    const advice = "create one with `inkstone keys create NAME`";
    log.warn(
      { host: config.host },
      `open to other machines, but their requests are refused without an API key: ${advice}`,
    );
  }

  let stopped: Promise<void> | undefined;
  return {
    address,
    devices,
    stop(graceSeconds = config.shutdownGrace) {
      closing = true;
      const rested = workers.stop(graceSeconds * 1000);
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

/** Delivers webhooks and uploads, with the same items as HTTP replies. */
async function deliverFrom(
  config: Config,
  { db, signals, images, folder }: Data,
  outbound: Outbound,
  { log, tracer }: { readonly log: Log; readonly tracer: Tracer | undefined },
  publicUrl: () => string,
): Promise<Deliverer> {
  const { webhookSecret: secret = await sharedWebhookSecret(db, folder) } = config;
  return startDeliverer({
    db,
    signals,
    outbound,
    log,
    tracer,
    webhookBody: config.webhookStyle,
    webhookSecrets: secret.split(" "),
    sources: {
      resultItem: async (record, result) => {
        if (!isPictureRecord(record)) throw new TypeError(`${record.task.taskType} has no images`);
        return imageItem(record, result, { images, imagesUrl: config.imageUrl ?? `${publicUrl()}/images` }).make();
      },
      errorItem: (record) => failure(record, `${publicUrl()}/docs`)[0]!,
      read: (fileName) => images.read(fileName),
    },
  });
}

/** Deletes expired data and recovers lost tasks. */
function keepUp(
  config: Config,
  { db, tasks, queues, files, images, gallery, locations, sharedModels, presence }: Data,
  log: Log,
) {
  const onFailure = (chore: string, error: unknown) => log.warn({ chore, err: error }, "upkeep failed; trying again");
  const takeBack = async () => {
    for (const queue of [queues.pictures[0]!, queues.uploads]) await queue.sweep();
  };
  // The previous process with the upkeep may be gone together with its worker.
  presence.onUpkeep(() => void takeBack().catch((error) => onFailure("lost tasks", error)));
  return startUpkeep(
    [
      { name: "bin", everyMs: 10_000, run: () => gallery.emptyBin() },
      { name: "images", everyMs: 10_000, run: () => images.sweep() },
      { name: "orphaned files", everyMs: 6 * 3_600_000, run: () => sweepOrphans(db, files) },
      { name: "tasks", everyMs: 60_000, run: () => expireTasks(db, config.resultRetention * 3600) },
      { name: "lost tasks", everyMs: 3_000, run: takeBack },
      { name: "gone processes", everyMs: 600_000, run: () => forgetGone(db) },
      { name: "abandoned tasks", everyMs: 5_000, everywhere: true, run: () => tasks.abandonUnasked() },
      { name: "space", everyMs: 600_000, everywhere: true, run: () => db.vacuum() },
      { name: "log of changes", everyMs: 10_000, everywhere: true, run: () => db.trimLog() },
      {
        name: "abandoned uploads",
        everyMs: 3_600_000,
        everywhere: true,
        run: () => removeAbandoned(locations, 2 * UPLOAD_TIMEOUT_MS),
      },
      { name: "shared models", everyMs: 30_000, everywhere: true, run: async () => sharedModels?.refresh() },
    ],
    { mayRun: () => presence.isUpkeeper, onFailure },
  );
}
