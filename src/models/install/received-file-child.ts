/** The thread that checks a received file. A costly header does not block other requests. */

import { parentPort, workerData } from "node:worker_threads";
import { ModelError } from "../errors.ts";
import { type CheckJob, type CheckOutcome, completeReceived } from "./receive.ts";

const { kind, folder } = workerData as CheckJob;
const outcome: CheckOutcome = await completeReceived(kind, folder).then(
  () => ({}),
  (error: Error) => ({ reason: error instanceof ModelError ? error.reason : undefined, message: error.message }),
);
parentPort!.postMessage(outcome);
