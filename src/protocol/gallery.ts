/** Requests to the routes for the gallery and the queue: queries as text, bodies as JSON. */

import { z } from "zod";
import {
  type FieldTable,
  fieldTable,
  flag,
  integer,
  literal,
  oneOf,
  text,
  uuid,
  valueFromText,
  words,
} from "../fields/index.ts";
import { TASK_STATES } from "./gallery-replies.ts";
import { parameterErrors } from "./parameter-errors.ts";

const limit = integer("Entries per page.", { min: 1, max: 500 }).default(60);
const cursor = text("The `next` of the previous page.", { min: 1, max: 100 }).optional();
const time = (about: string) =>
  text(about, { min: 1, max: 40 })
    .refine((value) => !Number.isNaN(Date.parse(value)))
    .optional();

/** `GET /v1/pictures` */
export const pictureQuery = z.strictObject({
  limit,
  cursor,
  q: text("Words that the prompt must contain, all of them.", { max: 500 }).optional(),
  starred: flag("Only images with a star (true) or without one (false).").optional(),
  kind: oneOf(
    "Only generated images, images made from one other image (guide images, upscaled and traced ones), or uploads.",
    ["drawn", "derived", "upload"],
  ).optional(),
  model: text("Only images of this model.", { min: 1, max: 256 }).optional(),
  task: uuid("Only images of this task.").optional(),
  parent: uuid("Only images made from this image.").optional(),
  from: time("Only images made at this time or later (ISO 8601)."),
  to: time("Only images made before this time (ISO 8601)."),
  binned: flag("The images in the bin, instead of those outside it.").default(false),
});

/** `PATCH /v1/pictures/{imageUUID}` */
export const pictureChange = z.strictObject({
  starred: flag("True adds a star, false removes it.").optional(),
  expiresAt: z
    .union([time("Time of deletion (ISO 8601). null keeps the image until you delete it.").unwrap(), z.null()])
    .optional()
    .meta({ description: "Time of deletion (ISO 8601). null keeps the image until you delete it." }),
});

/** `POST /v1/pictures/bin` and `/restore` */
export const pictureNames = z.strictObject({
  imageUUIDs: z.array(uuid("One image.")).min(1).max(500).meta({ description: "1 to 500 images." }),
});

/** `DELETE /v1/pictures` */
export const binQuery = z.strictObject({
  binned: literal("Selects the images in the bin.", true),
});

/** `GET /v1/events` */
export const eventQuery = z.strictObject({
  previews: flag("Sends previews of images while they are generated.").default(false),
});

/** `GET /v1/tasks` */
export const taskQuery = z.strictObject({
  limit,
  cursor,
  state: words("Only tasks in these states, separated by commas.", 5)
    .refine((states) => states.every((state) => TASK_STATES.includes(state as never)))
    .default(["queued", "running"]),
});

/** `DELETE /v1/tasks` */
export const taskStop = z.strictObject({
  state: oneOf("State of the tasks to cancel. Running tasks are cancelled one by one.", ["queued"]),
});

const tables = new Map<z.ZodObject, FieldTable>();
function tableOf(schema: z.ZodObject): FieldTable {
  const table = tables.get(schema) ?? fieldTable(schema);
  tables.set(schema, table);
  return table;
}

/** Parses a JSON body with its schema. Throws the first `TaskError`. */
export function readBody<Schema extends z.ZodObject>(schema: Schema, given: unknown): z.output<Schema> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw parameterErrors(parsed.error.issues, given, tableOf(schema), (path) => path)[0];
}

/** Parses a query string with its schema. Throws the first `TaskError`. */
export function readQuery<Schema extends z.ZodObject>(
  schema: Schema,
  given: Readonly<Record<string, unknown>>,
): z.output<Schema> {
  const table = tableOf(schema);
  const values = Object.entries(given).map(([key, value]) => {
    const field = table.get(key);
    return [key, field === undefined || typeof value !== "string" ? value : valueFromText(field, value)];
  });
  return readBody(schema, Object.fromEntries(values));
}
