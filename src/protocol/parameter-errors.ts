import type { z } from "zod";
import type { FieldTable, Parameter } from "../fields/index.ts";
import { quoted } from "../fields/index.ts";
import { invalidCode, label, missingCode, withoutPositions } from "./errors.ts";
import { stringifyJson } from "./json.ts";
import { type ErrorFacts, TaskError } from "./task-error.ts";

/** Most errors in a reply. A caller fixes the first ones and tries again. */
const MOST_ERRORS = 32;

/** Most characters of a key or number that a message repeats. */
const MOST_SHOWN = 80;
const LARGEST_SHOWN = 10n ** BigInt(MOST_SHOWN);

/**
 * An error about an invalid value. `facts.parameter` is the caller's spelling of the path, if it differs from the
 * schema.
 */
export function invalidParameter(path: string, given: unknown, rule: string, facts: ErrorFacts = {}): TaskError {
  const parameter = String(facts.parameter ?? path);
  return new TaskError(invalidCode(path), { parameter, rule, given: show(given) }, { parameter, ...facts });
}

/** An error about an absent parameter. `reason` names the parameter that needs it. */
export function missingParameter(path: string, reason = "", facts: ErrorFacts = {}): TaskError {
  const parameter = String(facts.parameter ?? path);
  const values = { parameter, reason: reason && ` ${reason}` };
  return new TaskError(missingCode(path), values, { parameter, ...facts });
}

/**
 * Converts the issues that zod found in `given` to errors of the catalogue. `spelling` maps a path to the caller's
 * older spelling.
 */
export function parameterErrors(
  issues: readonly z.core.$ZodIssue[],
  given: unknown,
  table: FieldTable,
  spelling: (path: string) => string,
): TaskError[] {
  const found = new Map<string, TaskError>();
  for (const issue of issues) {
    for (const error of issueErrors(issue, given, table, spelling)) {
      const key = `${error.code} ${error.facts.parameter}`;
      if (found.size < MOST_ERRORS && !found.has(key)) found.set(key, error);
    }
  }
  return [...found.values()];
}

function issueErrors(
  issue: z.core.$ZodIssue,
  given: unknown,
  table: FieldTable,
  spelling: (path: string) => string,
): TaskError[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    const allowed = allowedKeys(table, path);
    return issue.keys
      .slice(0, MOST_ERRORS)
      .map((key) => unsupportedParameter(spelling([...path, shortKey(key)].join(".")), allowed));
  }
  const parameter = nearest(table, path);
  if (parameter === undefined) return [invalidParameter(path.join("."), given, "The value is invalid.")];
  const value = valueAt(given, path);
  const full = path.join(".");
  const facts = { parameter: spelling(full), ...numbers(parameter) };
  // An element of a list can be invalid but not missing.
  if (value === undefined && withoutPositions(full) === parameter.path && !/\.\d+$/.test(full)) {
    return [missingParameter(full, "", facts)];
  }
  const rule = `${label(parameter.path)} must be ${parameter.rule}.`;
  return [invalidParameter(full, parameter.secret ? "(hidden)" : value, rule, facts)];
}

/** An error about a key that the task or group does not have. */
export const unsupportedParameter = (path: string, allowed: readonly string[]): TaskError =>
  new TaskError("unsupportedParameter", { parameter: path, allowed: quoted(allowed) }, { parameter: path });

/** The facts about a parameter that error items carry. */
function numbers(parameter: Parameter): ErrorFacts {
  const { type, min, max, multiplier, allowedValues, default: fallback } = parameter;
  return { type, min, max, multiplier, default: fallback, allowedValues };
}

function allowedKeys(table: FieldTable, path: readonly string[]): readonly string[] {
  const group = withoutPositions(path.join("."));
  if (group === "") return [...table.keys()].filter((key) => !key.includes("."));
  return table.get(group)?.keys ?? [];
}

/** The parameter at a path, or the one that contains it (an element of a list of strings). */
function nearest(table: FieldTable, path: readonly string[]): Parameter | undefined {
  for (let length = path.length; length > 0; length--) {
    const parameter = table.get(withoutPositions(path.slice(0, length).join(".")));
    if (parameter !== undefined) return parameter;
  }
  return undefined;
}

function valueAt(given: unknown, path: readonly string[]): unknown {
  let value = given;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** A key in a message: cut if it is long, without unpaired surrogates. */
const shortKey = (key: string): string =>
  (key.length > MOST_SHOWN ? `${key.slice(0, MOST_SHOWN)}…` : key).toWellFormed();

/** A value in a message: short and on one line. Long strings are shown as their length. */
export function show(value: unknown): string {
  if (typeof value === "string") {
    return value.length > MOST_SHOWN ? `a string of ${value.length} characters` : JSON.stringify(value);
  }
  if (Array.isArray(value)) return `an array of ${value.length} elements`;
  if (typeof value === "object" && value !== null) return "an object";
  if (typeof value === "bigint" && (value >= LARGEST_SHOWN || value <= -LARGEST_SHOWN)) {
    return `an integer of more than ${MOST_SHOWN} digits`;
  }
  return stringifyJson(value);
}
