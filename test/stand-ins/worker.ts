/** A worker alone, on a database that others share, in a process that can be killed. Settings are the first argument. */

import { randomUUID } from "node:crypto";
import { openDatabase } from "../../src/server/database/index.ts";
import { createImageStore, openDisk } from "../../src/server/storage/index.ts";
import { createTaskQueue, openPresence, openSignals } from "../../src/server/tasks/index.ts";
import { startUpkeep } from "../../src/server/upkeep.ts";
import { createEngineProcess, startWorker } from "../../src/server/worker/index.ts";
import { STAND_IN_ENGINE } from "../support/stand-in-model.ts";
import { drawingOnStandIn } from "../support/workers.ts";

export interface WorkerSettings {
  readonly url: string;
  readonly filesDir: string;
  readonly leaseSeconds: number;
  readonly pollMs: number;
}

const { url, filesDir, leaseSeconds, pollMs } = JSON.parse(process.argv[2]!) as WorkerSettings;
const db = await openDatabase({ url });
const signals = await openSignals({ db, processName: randomUUID() });
const presence = await openPresence({ db, signals, beatMs: 300 });
const queue = createTaskQueue({
  db,
  signals,
  presence,
  lane: "pictures",
  leaseSeconds,
  retryPauseSeconds: () => 0.05,
  pollMs,
});
const files = await openDisk(filesDir);
startWorker({
  ...drawingOnStandIn(createImageStore(db, files), files),
  queue,
  engine: createEngineProcess({ program: STAND_IN_ENGINE, abortGrace: 200 }),
  log: { info() {}, warn() {}, error: (facts, message) => console.error(message, facts) },
});
startUpkeep([{ name: "sweep", everyMs: 300, everywhere: true, run: () => queue.sweep() }], {
  mayRun: () => true,
  onFailure() {},
});
process.on("disconnect", () => process.exit(0));
process.send?.("ready");
