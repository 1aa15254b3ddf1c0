/** Parsing of values that people type: flags and environment variables. */

import type { FieldFacts } from "./field.ts";

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;
const TRUTH: Readonly<Record<string, boolean>> = { true: true, "1": true, false: false, "0": false };

/**
 * Parses a text as the value of a field. A text that does not parse stays a string, and the schema of the field then
 * rejects it.
 */
export function valueFromText({ type }: FieldFacts, text: string): unknown {
  if (type === "integer" || type === "float") return NUMBER.test(text) ? Number(text) : text;
  if (type === "boolean") return TRUTH[text.toLowerCase()] ?? text;
  if (type !== "string[]") return text;
  return text
    .split(",")
    .map((word) => word.trim())
    .filter(Boolean);
}
