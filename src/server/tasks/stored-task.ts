import { createHash } from "node:crypto";
import { parseJson, type QueuedTask, stringifyJson } from "../../protocol/index.ts";

/** The task as canonical text: keys sorted at every depth, absent keys omitted. Equal tasks give equal texts. */
export const canonicalTask = (task: QueuedTask): string => stringifyJson(sortKeys(task));

/** Distinguishes two bodies under one taskUUID. */
export const hashBody = (canonical: string): string => createHash("sha256").update(canonical).digest("hex");

/** The inverse of `canonicalTask`. */
export function readTask(text: string): QueuedTask {
  const { seed, ...rest } = parseJson(text) as { seed?: number | bigint };
  return (seed === undefined ? rest : { ...rest, seed: BigInt(seed) }) as QueuedTask;
}

/** The names that a worker must have installed to run a task: the model first, then LoRAs and ControlNets. */
export function needsOf(task: QueuedTask): readonly string[] {
  if (task.taskType !== "imageInference") return [];
  const { model, lora = [], controlNet = [] } = task;
  return [model, ...[...lora, ...controlNet].map((adapter) => adapter.model)];
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, sortKeys(item)]));
}

/**
 * The imageUUID of image `index` of a task, derived from the task's salt. A repeated attempt overwrites the same file
 * and leaves no orphan. It has the form of a UUID v4, as clients expect.
 */
export function imageUUID(salt: string, index: number): string {
  const bytes = createHash("sha256").update(`${salt}:${index}`).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
