import { createHash } from "node:crypto";
import { parseJson, type QueuedTask, stringifyJson } from "../../protocol/index.ts";

/** The task as text in which equal tasks are equal: keys sorted at every depth, absent ones left out. */
export const canonicalTask = (task: QueuedTask): string => stringifyJson(sortKeys(task));

/** Tells two bodies under one taskUUID apart. */
export const hashBody = (canonical: string): string => createHash("sha256").update(canonical).digest("hex");

/** The inverse of `canonicalTask`. */
export function readTask(text: string): QueuedTask {
  const { seed, ...rest } = parseJson(text) as { seed?: number | bigint };
  return (seed === undefined ? rest : { ...rest, seed: BigInt(seed) }) as QueuedTask;
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, sortKeys(item)]));
}
