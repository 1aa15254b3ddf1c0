/** What the API's own description says of each parameter: the drawer of all parameters is made from it. */

import { computed, signal } from "@preact/signals";
import type { Json } from "../api/json.ts";
import { request } from "../api/server.ts";

/** The parts of JSON Schema that tasks use. */
export interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: Json;
  readonly const?: Json;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly multipleOf?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly $ref?: string;
}

interface Document {
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const document = signal<Document | undefined>(undefined);

export async function loadSchema(): Promise<void> {
  document.value = await request<Document>("GET", "/openapi.json");
}

/** The schema of the drawing task; undefined until it is there. */
export const taskSchema = computed(() => document.value?.components.schemas.ImageInference);

/** A schema with its reference followed, and the first of several forms taken. */
export function resolved(schema: Schema): Schema {
  const { $ref, anyOf } = schema;
  const target = $ref === undefined ? undefined : document.value?.components.schemas[$ref.split("/").at(-1)!];
  if (target !== undefined) return resolved(target);
  if (schema.type === undefined && anyOf?.[0] !== undefined) return { ...resolved(anyOf[0]), ...without(schema) };
  return schema;
}

const without = ({ anyOf: _, ...rest }: Schema): Schema => rest;

/** The schema of one parameter by its path. */
export function schemaAt(...path: readonly string[]): Schema | undefined {
  let schema: Schema | undefined = taskSchema.value;
  for (const key of path) schema = schema && resolved(schema).properties?.[key];
  return schema && resolved(schema);
}
