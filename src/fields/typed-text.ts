/** Values that people type: flags of commands and environment variables. */

import type { FieldFacts } from "./field.ts";

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;
const TRUTH: Readonly<Record<string, boolean>> = { true: true, "1": true, false: false, "0": false };

/** The value that a text stands for in a field. Where it stands for none it stays text, which the field's schema then refuses. */
export function valueFromText({ type }: FieldFacts, text: string): unknown {
  if (type === "integer" || type === "float") return NUMBER.test(text) ? Number(text) : text;
  if (type === "boolean") return TRUTH[text.toLowerCase()] ?? text;
  if (type !== "string[]") return text;
  return text
    .split(",")
    .map((word) => word.trim())
    .filter(Boolean);
}
