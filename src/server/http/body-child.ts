/** The thread that parses large bodies. */

import { parentPort } from "node:worker_threads";
import { TaskError } from "../../protocol/index.ts";
import { type ParseJob, type ParseOutcome, parseBody } from "./body.ts";

parentPort!.on("message", ({ id, bytes, maxTasks, owner }: ParseJob) => {
  let outcome: ParseOutcome;
  try {
    outcome = { id, result: parseBody(bytes, maxTasks, owner) };
  } catch (thrown) {
    if (!(thrown instanceof TaskError)) throw thrown;
    outcome = { id, error: { code: thrown.code, values: thrown.values } };
  }
  // Frees the memory immediately. V8 may wait long before it collects a buffer.
  (bytes.buffer as ArrayBuffer).transfer(0);
  const pictures = [...(outcome.result?.pictures.values() ?? [])];
  // Small buffers share a pool, which cannot be transferred.
  const given = pictures.filter(({ byteLength, buffer }) => byteLength === buffer.byteLength);
  parentPort!.postMessage(
    outcome,
    given.map(({ buffer }) => buffer as ArrayBuffer),
  );
});
