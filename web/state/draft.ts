/** The next task. The draft is the task in the API's words: the page sends what it shows. */

import { signal } from "@preact/signals";
import type { Json, JsonObject } from "../api/json.ts";
import type { Parameters } from "../api/types.ts";
import { stored } from "./stored.ts";

export const draft = stored<Parameters>("draft", {});
/** Earlier prompts, newest first. */
export const promptHistory = stored<readonly string[]>("prompts", []);

const PROMPTS_KEPT = 200;
const STEPS_KEPT = 200;
/** Changes of the same field within this time are one step of undo. */
const SAME_STEP_MS = 1000;

const past = signal<readonly Parameters[]>([]);
const future = signal<readonly Parameters[]>([]);
let last = { field: "", at: 0 };

/** Replaces the draft. `field` names the change, so that typing is undone in one step. */
export function changeDraft(next: Parameters, field = ""): void {
  const now = Date.now();
  const continues = field !== "" && field === last.field && now - last.at < SAME_STEP_MS;
  if (!continues) past.value = [...past.value.slice(-STEPS_KEPT), draft.value];
  last = { field, at: now };
  future.value = [];
  draft.value = next;
}

/** Sets the initial draft. It is no step of the user, so it cannot be undone. */
export function beginDraft(patch: Parameters): void {
  draft.value = { ...draft.value, ...patch };
}

/** Sets one parameter by its path (`["inputs", "strength"]`); undefined removes it from the task. */
export function setParameter(path: readonly string[], value: Json | undefined): void {
  changeDraft(withValue(draft.value, path, value) as Parameters, path.join("."));
}

/** Sets several top-level parameters at once. */
export function patchDraft(patch: Parameters): void {
  const merged: Record<string, Json | undefined> = { ...draft.value, ...patch };
  for (const [key, value] of Object.entries(merged)) if (value === undefined) delete merged[key];
  changeDraft(merged as Parameters, Object.keys(patch).join());
}

export function undo(): void {
  const previous = past.value.at(-1);
  if (previous === undefined) return;
  past.value = past.value.slice(0, -1);
  future.value = [draft.value, ...future.value];
  last = { field: "", at: 0 };
  draft.value = previous;
}

export function redo(): void {
  const [next, ...rest] = future.value;
  if (next === undefined) return;
  past.value = [...past.value, draft.value];
  future.value = rest;
  draft.value = next;
}

export function rememberPrompt(prompt: string): void {
  promptHistory.value = [prompt, ...promptHistory.value.filter((earlier) => earlier !== prompt)].slice(0, PROMPTS_KEPT);
}

/** The value at a path; undefined when it does not exist. */
export function valueAt(object: JsonObject, path: readonly string[]): Json | undefined {
  let value: Json | undefined = object;
  for (const key of path) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    value = (value as JsonObject)[key];
  }
  return value;
}

/** A copy with one changed value. Objects that become empty are removed. */
export function withValue(object: JsonObject, [key, ...rest]: readonly string[], value: Json | undefined): JsonObject {
  const inner = object[key!];
  const isObject = typeof inner === "object" && inner !== null && !Array.isArray(inner);
  const next = rest.length === 0 ? value : withValue(isObject ? (inner as JsonObject) : {}, rest, value);
  const copy: Record<string, Json | undefined> = { ...object };
  const isEmpty =
    next === undefined ||
    (rest.length > 0 && typeof next === "object" && next !== null && Object.keys(next).length === 0);
  if (isEmpty) delete copy[key!];
  else copy[key!] = next;
  return copy;
}
