/** The API's schema of each parameter, for the chosen model. It gives ranges, defaults, and the drawer of all parameters. */

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
  /** The group of the parameter in a form. */
  readonly "x-group"?: string;
}

/** The task schema of the model; undefined until it is loaded. */
export const taskSchema = signal<Schema | undefined>(undefined);

/** Loads the schema of the chosen model whenever it changes. Called once. */
export function followModel(): void {
  let shown: string | undefined;
  effect(() => {
    // If the model of the draft is not installed, the form is that of another model.
    const air = (model.value ?? checkpoints.value[0])?.air;
    if (air === undefined || air === shown) return;
    shown = air;
    request<Schema>("GET", `/v1/models/${encodeURIComponent(air)}/schema`).then(
      (schema) => {
        if (shown === air) taskSchema.value = schema;
      },
      () => {
        shown = undefined; // the server does not answer; the list of models is read again later
      },
    );
  });
}

/** Replaces a choice of several forms by the first one. */
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
