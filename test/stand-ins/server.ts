/**
 * A server without HTTP for fault tests: database, task service, worker with the stand-in engine, deliveries, all in one
 * process that can be killed. Spoken to over IPC; settings come as JSON in the first argument.
 */

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseUnavailableError, openDatabase } from "../../src/database/index.ts";
import { startDeliverer } from "../../src/delivery/index.ts";
import { createOutbound } from "../../src/net/index.ts";
import { imageInference, parseJson } from "../../src/protocol/index.ts";
import { createImageReferences, createImageStore, openDisk } from "../../src/storage/index.ts";
import { createTaskQueue, createTaskService, openSignals } from "../../src/tasks/index.ts";
import { createEngineProcess, startUpkeep, startWorker } from "../../src/worker/index.ts";
import { pgliteTemplate } from "../support/databases.ts";
import { MODEL, STAND_IN_ENGINE } from "../support/stand-in-model.ts";

export interface ServerSettings {
  readonly url?: string;
  readonly dataDir?: string;
  readonly filesDir: string;
  readonly leaseSeconds: number;
}

export type ToServer =
  | { readonly type: "submit"; readonly owner: string; readonly request: string }
  /** Asks to be told when no task is open and no delivery due any more. */
  | { readonly type: "tellIdle" };
export type FromServer =
  | { readonly type: "ready" }
  | { readonly type: "idle" }
  | { readonly type: "acknowledged"; readonly taskUUID: string; readonly kind: string };

const settings = JSON.parse(process.argv[2]!) as ServerSettings;
const { url, dataDir, leaseSeconds } = settings;
const db = await openDatabase({
  ...(url !== undefined && { url }),
  ...(dataDir !== undefined && { dataDir, template: await pgliteTemplate() }),
}).catch((error: Error) => {
  console.error(`${error.name}: ${error.message}`);
  process.exit(3);
});
const signals = await openSignals({ db, process: randomUUID() });
const service = createTaskService({ db, signals, maxQueued: 1_000 });
const queue = createTaskQueue({
  db,
  signals,
  worker: String(process.pid),
  leaseSeconds,
  retryPauseSeconds: () => 0.05,
  pollMs: 200,
});
if (db.kind === "pglite") await queue.sweep(true);
const files = await openDisk(settings.filesDir);
const outbound = createOutbound({ allow: ["127.0.0.1"] });
const images = createImageStore(db, files);
const log = { info() {}, warn() {}, error: (facts: object, message: string) => console.error(message, facts) };

startWorker({
  queue,
  engine: createEngineProcess({ program: STAND_IN_ENGINE, abortGrace: 200 }),
  findModel: async () => MODEL,
  references: createImageReferences(images, outbound),
  files,
  software: "inkstone test",
  keepSeconds: 604_800,
  stepTimeoutMs: 10_000,
  isDatabaseAway: (error) => error instanceof DatabaseUnavailableError,
  log,
});
startUpkeep([{ name: "sweep", everyMs: 300, run: () => queue.sweep() }], () => {});
startDeliverer({
  db,
  signals,
  outbound,
  log,
  sources: {
    resultItem: async (_, { imageUUID }) => ({ imageUUID }),
    errorItem: (record) => ({ code: record.error?.code }),
    read: images.read,
  },
});

const tell = (message: FromServer) => void process.send?.(message);
process.on("message", async (message: ToServer) => {
  if (message.type === "tellIdle") return tellIdle();
  const task = imageInference.parse(parseJson(message.request));
  const { kind } = await service.submit(message.owner, { task, request: message.request });
  tell({ type: "acknowledged", taskUUID: task.taskUUID, kind });
});
process.on("disconnect", () => process.exit(0));
tell({ type: "ready" });

async function tellIdle(): Promise<void> {
  for (;;) {
    const [open] = await db.query<{ count: number }>(
      `select (select count(*) from tasks where state in ('queued', 'running'))::int
            + (select count(*) from deliveries where state = 'pending')::int as count`,
    );
    if (open!.count === 0) return tell({ type: "idle" });
    await sleep(50);
  }
}
