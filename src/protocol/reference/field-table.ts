import { z } from "zod";
import { type FieldFacts, fieldFacts } from "../field.ts";

/** A parameter of a task, as messages and reference pages need it. */
export interface Parameter extends FieldFacts {
  /** Dotted, without list positions: `controlNet.startStep`. */
  readonly path: string;
  readonly required: boolean;
  readonly default?: unknown;
  /** The keys of a group or of a list's groups. */
  readonly keys?: readonly string[];
}

/** Every parameter of a task schema by its path, in the order of the schema. */
export type FieldTable = ReadonlyMap<string, Parameter>;

/** Reads the table out of a schema. */
export function fieldTable(schema: z.ZodObject): FieldTable {
  const table = new Map<string, Parameter>();
  addShape(table, schema.shape, "");
  return table;
}

function addShape(table: Map<string, Parameter>, shape: z.core.$ZodShape, prefix: string): void {
  for (const [key, schema] of Object.entries(shape)) {
    const path = prefix + key;
    const { facts, inner, required, fallback } = open(schema as z.ZodType);
    if (facts === undefined) throw new Error(`The field ${path} was not made by field.ts`);
    const keys = inner === undefined ? undefined : Object.keys(inner.shape);
    table.set(path, {
      ...facts,
      path,
      required,
      ...((fallback ?? facts.assumed) !== undefined && { default: fallback ?? facts.assumed }),
      ...(keys && { keys }),
    });
    if (inner !== undefined) addShape(table, inner.shape, `${path}.`);
  }
}

interface Opened {
  readonly facts: FieldFacts | undefined;
  readonly inner: z.ZodObject | undefined;
  readonly required: boolean;
  readonly fallback: unknown;
}

/** Looks through defaults, optionals, transforms and lists for the facts of a field and the group inside it. */
function open(schema: z.ZodType): Opened {
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
  return { facts, inner: current instanceof z.ZodObject ? current : undefined, required, fallback };
}
