import type { ModelUploadTask, OtherItem } from "../protocol/index.ts";
import type { Exchange } from "./exchange.ts";

/** Runs an upload; `send` gets an item for each stage. With dryRun it ends where the work would begin. */
export async function uploadModel(exchange: Exchange, task: ModelUploadTask, send: (item: OtherItem) => void) {
  const { taskType, taskUUID, air } = task;
  const { modelUploads, stopping, log } = exchange.ports;
  if (exchange.dryRun) return send({ taskType, taskUUID, status: "validated", message: MESSAGES.validated, air });
  log.info({ taskUUID, air }, "model upload started");
  await modelUploads.receive(
    task,
    (status) => send({ taskType, taskUUID, status, message: MESSAGES[status], air }),
    stopping,
  );
  log.info({ taskUUID, air }, "model upload ended");
}

const MESSAGES = {
  validated: "The parameters are valid.",
  downloaded: "The file has been downloaded.",
  optimized: "The file has been checked.",
  stored: "The model has been registered.",
  ready: "The model can be used.",
} as const;
