/** Reads a whole request: one JSON array of tasks. */

import { parseJson } from "./json.ts";
import { checkJsonBounds } from "./json-bounds.ts";
import { invalidParameter, show } from "./parameter-errors.ts";
import { isQueuedTask, type ParsedTask, parseTask } from "./task.ts";
import { TaskError } from "./task-error.ts";

export interface RequestOptions {
  readonly maxTasks: number;
}

/**
 * The JSON of a body or frame. What it may hold is checked before it is parsed.
 * @throws TaskError `invalidRequest` when it is no JSON, or holds too much
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

/** The tasks of a request's JSON, each on its own. Throws a `TaskError` when it is no array of tasks at all. */
export function readTasks(json: unknown, { maxTasks }: RequestOptions): ParsedTask[] {
  // A single object is taken for an array of one.
  const items = Array.isArray(json) ? json : [json];
  if (typeof json !== "object" || json === null) {
    throw new TaskError("invalidRequest", { reason: `Send an array of task objects. Received: ${show(json)}.` });
  }
  if (items.length === 0) throw new TaskError("invalidRequest", { reason: "The array holds no task." });
  if (items.length > maxTasks) throw new TaskError("maxTasksExceeded", { given: items.length, limit: maxTasks });
  return refuseRepeated(items.map(parseTask));
}

/** Two new tasks of one request may not share a taskUUID: only the first stands. */
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
    const error = invalidParameter("taskUUID", taskUUID, "It is used twice in one request; each task needs its own.", {
      type: "string",
    });
    return { ok: false, owner: { taskUUID, taskType }, errors: [error] };
  });
}
