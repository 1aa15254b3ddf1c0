/** The API as an OpenAPI 3.1 document, made from the schemas that validate it. */

import { z } from "zod";
import { ERRORS, TASK_SCHEMAS, UPLOAD_STAGES } from "../../protocol/index.ts";

type Schema = Record<string, unknown>;

const jsonSchema = (schema: z.ZodType): Schema => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema: result }) => {
      if (zodSchema instanceof z.ZodDefault) result.default = zodSchema.def.defaultValue as never;
      // Seeds are integers of any size: how they arrive in JavaScript is nobody's business.
      if (result.type === "integer" && result.anyOf !== undefined) delete result.anyOf;
    },
  });
  return rest;
};

const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const pascal = (name: string): string => name[0]!.toUpperCase() + name.slice(1);
const text = (description: string): Schema => ({ type: "string", description });

const errorSchema: Schema = {
  type: "object",
  required: ["code", "message"],
  properties: {
    code: { ...text("The kind of error."), examples: Object.keys(ERRORS) },
    message: text("The parameter, what was given and what is allowed, in words."),
    parameter: {
      description: "The parameter or parameters at fault.",
      type: ["string", "array"],
      items: { type: "string" },
    },
    type: text("The expected type."),
    documentation: { ...text("Where the parameter or error is described."), format: "uri" },
    taskUUID: text("The task the error belongs to."),
    taskType: text("The type of that task."),
    min: { type: "number" },
    max: { type: "number" },
    multiplier: { type: "number" },
    default: {},
    allowedValues: { type: "array", items: { type: "string" } },
    retryAfter: { type: "number", description: "Seconds after which repeating makes sense." },
    status: { const: "error" },
  },
};

/** A picture, in the one form that its task's `outputType` asks for. */
const pictureForms = (name: "image" | "guideImage"): Schema => ({
  [`${name}URL`]: { type: "string", format: "uri" },
  [`${name}Base64Data`]: { type: "string", contentEncoding: "base64" },
  [`${name}DataURI`]: { type: "string" },
});

const costAndStatus: Schema = {
  cost: { type: "number", description: "US dollars, only with includeCost." },
  status: { const: "success", description: "Only in replies to getResponse." },
};

const imageItem: Schema = {
  type: "object",
  required: ["taskType", "taskUUID", "imageUUID", "seed"],
  properties: {
    taskType: { const: "imageInference" },
    taskUUID: { type: "string", format: "uuid" },
    imageUUID: { type: "string", format: "uuid", description: "Usable as an image input of later tasks." },
    ...pictureForms("image"),
    seed: { type: "integer", description: "Sent again alone, it gives this image again." },
    NSFWContent: { type: "boolean", description: "Only when the task asked for the safety check." },
    skippedSteps: { type: "number", description: "Denoising steps that a step cache answered, only when one was on." },
    ...costAndStatus,
  },
};

const guideItem: Schema = {
  type: "object",
  required: ["taskType", "taskUUID", "guideImageUUID", "inputImageUUID"],
  properties: {
    taskType: { const: "controlNetPreprocess" },
    taskUUID: { type: "string", format: "uuid" },
    guideImageUUID: { type: "string", format: "uuid", description: "Usable as a guideImage of later tasks." },
    inputImageUUID: { type: "string", format: "uuid", description: "The image it was made of." },
    ...pictureForms("guideImage"),
    ...costAndStatus,
  },
};

const uploadItem: Schema = {
  type: "object",
  required: ["taskType", "taskUUID", "status", "message", "air"],
  properties: {
    taskType: { const: "modelUpload" },
    taskUUID: { type: "string", format: "uuid" },
    status: {
      enum: [...UPLOAD_STAGES, "processing", "success"],
      description: "The stage; `processing` or `success` in replies to getResponse.",
    },
    message: text("The same in words."),
    air: text("The model's identifier."),
    stage: { enum: UPLOAD_STAGES, description: "The last stage that was reached, only in replies to getResponse." },
    progress: { type: "number", description: "Percentage of the download, only while it is processing." },
    queuePosition: { type: "integer", description: "Uploads that start before this one." },
  },
};

const reply: Schema = {
  type: "object",
  properties: {
    data: {
      type: "array",
      items: {
        anyOf: [ref("ImageItem"), ref("GuideItem"), ref("UploadItem"), { type: "object", required: ["taskType"] }],
      },
    },
    errors: { type: "array", items: ref("Error") },
    error: { ...ref("Error"), description: "The first error once more, only with a status that is not 2xx." },
  },
};

const json = (description: string, schema: Schema): Schema => ({
  description,
  content: { "application/json": { schema } },
});
const failure = json("Nothing succeeded; the status is that of the first error.", ref("Reply"));
const failures = Object.fromEntries(
  ["400", "401", "403", "404", "413", "429", "500", "503", "504"].map((status) => [status, failure]),
);
const taskUUID = { name: "taskUUID", in: "path", required: true, schema: { type: "string", format: "uuid" } };

/** The document of `/openapi.json`. */
export function openApiDocument(): Schema {
  const tasks = Object.entries(TASK_SCHEMAS).map(([type, schema]) => [pascal(type), jsonSchema(schema)] as const);
  const mapping = Object.fromEntries(Object.keys(TASK_SCHEMAS).map((type) => [type, ref(pascal(type)).$ref]));
  return {
    openapi: "3.1.0",
    info: {
      title: "Inkstone",
      version: "1",
      description: "Qwen-Image on your own machine, spoken to in Runware's task API.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ key: [] }],
    paths: {
      "/v1": {
        post: {
          operationId: "runTasks",
          summary: "Run tasks",
          description:
            "Each task is answered on its own: a bad one yields an entry in `errors` while others succeed. The same messages are spoken over a WebSocket at this path.",
          parameters: [{ name: "dryRun", in: "query", description: "1: validate only.", schema: { enum: ["1"] } }],
          requestBody: {
            required: true,
            content: { "application/json": { schema: { type: "array", minItems: 1, items: ref("Task") } } },
          },
          responses: { "200": json("At least one task succeeded or was accepted.", ref("Reply")), ...failures },
        },
      },
      "/v1/tasks/{taskUUID}": {
        delete: {
          operationId: "cancelTask",
          summary: "Cancel a task",
          parameters: [taskUUID],
          responses: { "200": json("The task as it now stands.", ref("Reply")), "404": failure },
        },
      },
      "/v1/tasks/{taskUUID}/events": {
        get: {
          operationId: "watchTask",
          summary: "Watch a task",
          description:
            "Server-sent events: `queued`, `started`, `progress`, `result`, and `final`, after which the stream ends.",
          parameters: [taskUUID],
          responses: {
            "200": { description: "The events.", content: { "text/event-stream": { schema: { type: "string" } } } },
            "404": failure,
          },
        },
      },
      "/images/{file}": {
        get: {
          operationId: "getImage",
          summary: "Fetch an image",
          security: [],
          parameters: [{ name: "file", in: "path", required: true, schema: { type: "string" } }],
          responses: {
            "200": {
              description: "The image.",
              content: Object.fromEntries(["image/jpeg", "image/png", "image/webp"].map((type) => [type, {}])),
            },
            "404": failure,
          },
        },
      },
    },
    components: {
      securitySchemes: { key: { type: "http", scheme: "bearer" } },
      schemas: {
        Task: {
          oneOf: Object.values(mapping).map(($ref) => ({ $ref })),
          discriminator: { propertyName: "taskType", mapping },
        },
        ...Object.fromEntries(tasks),
        ImageItem: imageItem,
        GuideItem: guideItem,
        UploadItem: uploadItem,
        Reply: reply,
        Error: errorSchema,
      },
    },
  };
}
