/** The routes of the API in the OpenAPI document. */

import type { z } from "zod";
import {
  binQuery,
  eventQuery,
  pictureChange,
  pictureNames,
  pictureQuery,
  ROUTE_REPLIES,
  taskQuery,
  taskStop,
} from "../../protocol/index.ts";
import { jsonSchema, ref, type Schema } from "./json-schema.ts";

const json = (description: string, schema: Schema): Schema => ({
  description,
  content: { "application/json": { schema } },
});
const failure = json("Nothing succeeded; the status is that of the first error.", ref("Reply"));
const failures = (...statuses: readonly number[]) =>
  Object.fromEntries(statuses.map((status) => [String(status), failure]));
const answer = (name: keyof typeof ROUTE_REPLIES, status = 200): Schema => ({
  [status]: json(ROUTE_REPLIES[name].description ?? "", ref(name)),
});
const body = (schema: z.ZodType): Schema => ({
  required: true,
  content: { "application/json": { schema: jsonSchema(schema, "input") } },
});
const named = (name: string): Schema => ({
  name,
  in: "path",
  required: true,
  schema: { type: "string", format: "uuid" },
});

/** Converts a query schema to the parameters of an operation. */
function query(schema: z.ZodObject): Schema[] {
  const { properties, required = [] } = jsonSchema(schema, "input") as {
    properties: Record<string, Schema>;
    required?: readonly string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: "query",
    description,
    required: required.includes(name),
    schema: rest,
    // `state=queued,running`
    ...(rest.type === "array" && { style: "form", explode: false }),
  }));
}

const events = (description: string): Schema => ({
  "200": { description, content: { "text/event-stream": { schema: { type: "string" } } } },
});
const files = (...types: readonly string[]) =>
  Object.fromEntries(types.map((type) => [`image/${type}`, { schema: { type: "string", format: "binary" } }]));

const binning = (operationId: string, summary: string): Schema => ({
  post: {
    operationId,
    summary,
    requestBody: body(pictureNames),
    responses: { ...answer("PictureNames"), ...failures(400, 401, 403) },
  },
});

export const PATHS: Schema = {
  "/v1": {
    post: {
      operationId: "runTasks",
      summary: "Run tasks",
      description:
        "Each task is answered independently: an invalid task adds an entry to `errors` while others succeed. A WebSocket at this path accepts the same messages.",
      parameters: [{ name: "dryRun", in: "query", description: "1: validate only.", schema: { enum: ["1"] } }],
      requestBody: {
        required: true,
        content: { "application/json": { schema: { type: "array", minItems: 1, items: ref("Task") } } },
      },
      responses: {
        "200": json("At least one task succeeded or was accepted.", ref("Reply")),
        ...failures(400, 401, 403, 404, 413, 415, 429, 500, 503, 504),
      },
    },
  },
  "/v1/tasks": {
    get: {
      operationId: "listTasks",
      summary: "List tasks",
      parameters: query(taskQuery),
      responses: { ...answer("TaskPage"), ...failures(400, 401, 403) },
    },
    delete: {
      operationId: "cancelWaitingTasks",
      summary: "Cancel waiting tasks",
      parameters: query(taskStop),
      responses: { ...answer("TasksCancelled"), ...failures(400, 401, 403) },
    },
  },
  "/v1/tasks/{taskUUID}": {
    get: {
      operationId: "getTask",
      summary: "Get a task",
      parameters: [named("taskUUID")],
      responses: { ...answer("TaskEntry"), ...failures(401, 403, 404) },
    },
    delete: {
      operationId: "cancelTask",
      summary: "Cancel a task",
      parameters: [named("taskUUID")],
      responses: { "200": json("The task after the request.", ref("Reply")), ...failures(401, 403, 404) },
    },
  },
  "/v1/tasks/{taskUUID}/events": {
    get: {
      operationId: "watchTask",
      summary: "Watch a task",
      description:
        "Server-sent events: `queued`, `started`, `progress`, `result`, and `final`, after which the stream ends.",
      parameters: [named("taskUUID")],
      responses: { ...events("The events."), ...failures(401, 403, 404) },
    },
  },
  "/v1/events": {
    get: {
      operationId: "watchTasks",
      summary: "Watch all tasks of a key",
      description:
        "Server-sent events about present and future tasks: `queued`, `started`, `progress`, `preview`, `result` and `final`. The events `picture`, `gone` and `models` have no `taskUUID`. Each event contains the fields of a `WatchItem`, as over a WebSocket, without `taskType` and `event`.",
      parameters: query(eventQuery),
      responses: { ...events("The events."), ...failures(400, 401, 403) },
    },
  },
  "/v1/pictures": {
    get: {
      operationId: "listPictures",
      summary: "List images",
      parameters: query(pictureQuery),
      responses: { ...answer("PicturePage"), ...failures(400, 401, 403) },
    },
    post: {
      operationId: "bringPicture",
      summary: "Upload an image",
      description:
        "The body is the file itself. It is kept for 30 days after its last use. The same file of the same key is one image.",
      requestBody: { required: true, content: files("png", "jpeg", "webp", "avif", "gif", "tiff") },
      responses: { ...answer("Picture", 201), ...failures(400, 401, 403, 413) },
    },
    delete: {
      operationId: "emptyBin",
      summary: "Empty the bin",
      parameters: query(binQuery),
      responses: { ...answer("BinEmptied"), ...failures(400, 401, 403) },
    },
  },
  "/v1/pictures/{imageUUID}": {
    get: {
      operationId: "getPicture",
      summary: "Get an image",
      parameters: [named("imageUUID")],
      responses: { ...answer("Picture"), ...failures(401, 403, 404) },
    },
    patch: {
      operationId: "changePicture",
      summary: "Star an image, or set its time of deletion",
      parameters: [named("imageUUID")],
      requestBody: body(pictureChange),
      responses: { ...answer("Picture"), ...failures(400, 401, 403, 404) },
    },
  },
  "/v1/pictures/bin": binning("binPictures", "Move images into the bin"),
  "/v1/pictures/restore": binning("restorePictures", "Restore images from the bin"),
  "/v1/models": {
    get: {
      operationId: "listModels",
      summary: "List checkpoints",
      responses: { ...answer("ModelList"), ...failures(401, 403) },
    },
  },
  "/v1/models/{air}/schema": {
    get: {
      operationId: "getModelSchema",
      summary: "The task of one checkpoint, as JSON Schema",
      description:
        "Unsupported parameters are omitted. Ranges and `default` are those of the checkpoint. `x-group` is the group in a form.",
      parameters: [{ name: "air", in: "path", required: true, schema: { type: "string" } }],
      responses: { "200": json("The schema.", { type: "object" }), ...failures(401, 403, 404) },
    },
  },
  "/v1/models/{air}/load": {
    post: {
      operationId: "loadModel",
      summary: "Load a checkpoint before the first task",
      description:
        "The first image then comes sooner. Nothing happens while a task runs, or if the server does not generate.",
      parameters: [{ name: "air", in: "path", required: true, schema: { type: "string" } }],
      responses: { ...answer("ModelLoad", 202), ...failures(401, 403, 404) },
    },
  },
  "/v1/status": {
    get: {
      operationId: "getStatus",
      summary: "Get the state of the server",
      responses: { ...answer("Status"), ...failures(401, 403) },
    },
  },
  "/images/{file}": {
    get: {
      operationId: "getImage",
      summary: "Fetch an image",
      security: [],
      parameters: [
        { name: "file", in: "path", required: true, schema: { type: "string" } },
        {
          name: "side",
          in: "query",
          description: "For a `.webp`: a thumbnail whose sides have at most this number of pixels.",
          schema: { type: "string", enum: ["160", "320", "640"] },
        },
      ],
      responses: {
        "200": { description: "The image.", content: files("jpeg", "png", "webp") },
        "307": { description: "The image is in a bucket. The address is valid for 15 minutes." },
        ...failures(404),
      },
    },
  },
};
