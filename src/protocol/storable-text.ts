/**
 * Text that a database can store. With one U+0000 or an unpaired surrogate, the JSON operators of PostgreSQL reject the
 * whole task.
 */

import { label } from "./errors.ts";
import { invalidParameter } from "./parameter-errors.ts";
import type { TaskError } from "./task-error.ts";

const UNSTORABLE = /[\0\p{Surrogate}]/u;

export const isStorable = (text: string): boolean => !UNSTORABLE.test(text);

/**
 * An error for each text of a task that cannot be stored, by the caller's path. Call it only with tasks that passed
 * their schema, which limits their size.
 */
export function textErrors(value: unknown, path = ""): TaskError[] {
  if (typeof value === "string") {
    const character = UNSTORABLE.exec(value)?.[0];
    return character === undefined ? [] : [unstorableText(path, value, character)];
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => textErrors(item, path === "" ? key : `${path}.${key}`));
}

function unstorableText(path: string, text: string, character: string): TaskError {
  const name = `U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  const rule = `${label(path)} must be text without U+0000 and unpaired surrogates. It contains ${name}.`;
  return invalidParameter(path, text, rule, { type: "string" });
}
