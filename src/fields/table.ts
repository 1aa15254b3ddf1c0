import { z } from "zod";
import { type FieldFacts, fieldFacts } from "./field.ts";

/** A field with its path: the input of messages, reference pages and flags. */
export interface Parameter extends FieldFacts {
  /** Dotted, without list positions: `controlNet.startStep`. */
  readonly path: string;
  readonly required: boolean;
  readonly default?: unknown;
  /** The keys of a group, or of the groups in a list. */
  readonly keys?: readonly string[];
}

/** Every field of a schema by its path, in schema order. */
export type FieldTable = ReadonlyMap<string, Parameter>;

/** Builds the table of a schema. */
export function fieldTable(schema: z.ZodObject): FieldTable {
  const table = new Map<string, Parameter>();
  addShape(table, schema.shape, "");
  return table;
}

function addShape(table: Map<string, Parameter>, shape: z.core.$ZodShape, prefix: string): void {
  for (const [key, schema] of Object.entries(shape)) {
    const path = prefix + key;
    const { facts, inner, required, fallback } = open(schema as z.ZodType, path);
    const keys = inner === undefined ? undefined : Object.keys(inner.shape);
    table.set(path, {
      ...facts,
      path,
      required,
      default: facts.assumed ?? fallback,
      keys,
    });
    if (inner !== undefined) addShape(table, inner.shape, `${path}.`);
  }
}

interface Opened {
  readonly facts: FieldFacts;
  readonly inner: z.ZodObject | undefined;
  readonly required: boolean;
  readonly fallback: unknown;
}

/** The constraints of a single field, and the meaning of its absence. */
export function describeField(schema: z.ZodType): Parameter {
  const { facts, required, fallback } = open(schema, "");
  return { ...facts, path: "", required, default: facts.assumed ?? fallback };
}

/** Unwraps defaults, optionals, transforms and lists to find the facts of a field and the group inside it. */
function open(schema: z.ZodType, path: string): Opened {
  let current: unknown = schema;
  let facts: FieldFacts | undefined;
  let required = true;
  let fallback: unknown;
  for (;;) {
    facts ??= fieldFacts.get(current as z.ZodType);
    if (current instanceof z.ZodDefault) {
      required = false;
      fallback = current.def.defaultValue;
      current = current.def.innerType;
    } else if (current instanceof z.ZodOptional) {
      required = false;
      current = current.def.innerType;
    } else if (current instanceof z.ZodArray) current = current.def.element;
    else if (current instanceof z.ZodPipe && facts === undefined) current = current.def.in;
    else break;
  }
  if (facts === undefined) throw new Error(`The field ${path} was not made by field.ts`);
  return { facts, inner: current instanceof z.ZodObject ? current : undefined, required, fallback };
}

/**
 * The range of a field in short form: `1 to 50`, `128 to 2048, step 16`, `1 to 200 characters`. Empty for lists of
 * words.
 */
export function rangeOf({ type, min, max, multiplier }: FieldFacts): string {
  const unit = type === "string" && (min !== undefined || max !== undefined) ? " characters" : "";
  const step = multiplier === undefined ? "" : `, step ${multiplier}`;
  if (min !== undefined && max !== undefined) return `${min} to ${max}${unit}${step}`;
  if (min !== undefined) return `from ${min}${unit}${step}`;
  return max === undefined ? step : `up to ${max}${unit}${step}`;
}
