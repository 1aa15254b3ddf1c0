/** Parsing of a request: one JSON array of tasks. */

import { parseJson } from "./json.ts";
import { checkJsonBounds } from "./json-bounds.ts";
import { invalidParameter, show } from "./parameter-errors.ts";
import { isQueuedTask, type ParsedTask, parseTask } from "./task.ts";
import { TaskError } from "./task-error.ts";

export interface RequestOptions {
  readonly maxTasks: number;
}

/**
 * Parses the JSON of a body or frame. Checks its limits first.
 * @throws TaskError `invalidRequest` if it is not JSON or exceeds a limit
 */
export function parseRequestJson(bytes: Uint8Array, { maxTasks }: RequestOptions): unknown {
  checkJsonBounds(bytes, maxTasks);
  try {
    return parseJson(bytes);
  } catch (cause) {
    const reason = `The text is not valid JSON: ${(cause as Error).message}.`;
    throw new TaskError("invalidRequest", { reason }, {}, { cause });
  }
}

/** Parses the tasks in a request, each independently. Throws a `TaskError` if the JSON is not an array of tasks. */
export function readTasks(json: unknown, { maxTasks }: RequestOptions): ParsedTask[] {
  // A single object counts as an array of one.
  const items = Array.isArray(json) ? json : [json];
  if (typeof json !== "object" || json === null) {
    throw new TaskError("invalidRequest", { reason: `Send an array of task objects. Received: ${show(json)}.` });
  }
  if (items.length === 0)
    throw new TaskError("invalidRequest", { reason: "The array is empty. Send at least one task." });
  if (items.length > maxTasks) throw new TaskError("maxTasksExceeded", { given: items.length, limit: maxTasks });
  return refuseRepeated(items.map(parseTask));
}

/** Rejects repeated taskUUIDs in one request. Only the first task keeps it. */
function refuseRepeated(parsed: readonly ParsedTask[]): ParsedTask[] {
  const seen = new Set<string>();
  return parsed.map((item) => {
    if (!item.ok || !isQueuedTask(item.task)) return item;
    const { taskUUID, taskType } = item.task;
    const key = taskUUID.toLowerCase();
    if (!seen.has(key)) {
      seen.add(key);
      return item;
    }
    const error = invalidParameter(
      "taskUUID",
      taskUUID,
      "It is used twice in one request. Each task needs a different one.",
      {
        type: "string",
      },
    );
    return { ok: false, owner: { taskUUID, taskType }, errors: [error] };
  });
}
