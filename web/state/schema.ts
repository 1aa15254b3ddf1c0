/** What the API says of each parameter, for the chosen model: ranges, defaults, and the drawer of all parameters are made from it. */

import { effect, signal } from "@preact/signals";
import type { Json } from "../api/json.ts";
import { request } from "../api/server.ts";
import { checkpoints, model } from "./models.ts";

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
  /** The group of a form that it belongs to. */
  readonly "x-group"?: string;
}

/** The schema of the model's drawing task; undefined until it is there. */
export const taskSchema = signal<Schema | undefined>(undefined);

/** Keeps the schema that of the chosen model; called once. */
export function followModel(): void {
  let shown: string | undefined;
  effect(() => {
    // Of a draft whose model is not installed, the form is that of another one.
    const air = (model.value ?? checkpoints.value[0])?.air;
    if (air === undefined || air === shown) return;
    shown = air;
    request<Schema>("GET", `/v1/models/${encodeURIComponent(air)}/schema`).then(
      (schema) => {
        if (shown === air) taskSchema.value = schema;
      },
      () => {
        shown = undefined; // away: the list of models is read again when it is back
      },
    );
  });
}

/** A schema with the first of several forms taken. */
export function resolved(schema: Schema): Schema {
  const { anyOf: [first] = [], ...rest } = schema;
  return schema.type !== undefined || first === undefined ? schema : { ...resolved(first), ...rest };
}

/** The schema of one parameter by its path. */
export function schemaAt(...path: readonly string[]): Schema | undefined {
  let schema: Schema | undefined = taskSchema.value;
  for (const key of path) schema = schema && resolved(schema).properties?.[key];
  return schema && resolved(schema);
}
