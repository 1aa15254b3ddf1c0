/** The API as an OpenAPI 3.1 document, made from the schemas that validate it. */

import { z } from "zod";
import { fieldFacts } from "../../fields/index.ts";
import type { ModelSummary } from "../../models/index.ts";
import { DATA_ITEMS, errorSchema, parametersOf, TASK_SCHEMAS } from "../../protocol/index.ts";

type Schema = Record<string, unknown>;

/** A schema of what clients send or are sent. */
function jsonSchema(schema: z.ZodType, io: "input" | "output"): Schema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema: result }) => {
      // A `default` makes generators of clients demand the field: it is told in words.
      const { description = "" } = result;
      const fallback =
        zodSchema instanceof z.ZodDefault ? zodSchema.def.defaultValue : fieldFacts.get(zodSchema as never)?.assumed;
      delete result.default;
      if (fallback !== undefined) result.description = `${description} Default: ${JSON.stringify(fallback)}.`.trim();
      // Seeds are integers of any size: how they arrive in JavaScript is nobody's business.
      if (result.anyOf !== undefined && (result.type === "integer" || result.type === "number")) delete result.anyOf;
    },
  });
  return rest;
}

const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const pascal = (name: string): string => name[0]!.toUpperCase() + name.slice(1);

const reply: Schema = {
  type: "object",
  properties: {
    data: { type: "array", items: { anyOf: Object.keys(DATA_ITEMS).map(ref) } },
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
  ["400", "401", "403", "404", "413", "415", "429", "500", "503", "504"].map((status) => [status, failure]),
);
const taskUUID = { name: "taskUUID", in: "path", required: true, schema: { type: "string", format: "uuid" } };

/** What each installed checkpoint takes, which a schema that holds for all of them cannot say. */
function modelFacts({ air, aliases, name, references, ...defaults }: ModelSummary): Schema {
  const { min: minimum, max: maximum, multiplier: multipleOf } = parametersOf("imageInference").get("width")!;
  const edits = (references?.max ?? 0) > 0;
  const side = (value: number | undefined) => ({
    ...{ minimum, maximum, multipleOf, required: !edits },
    ...(!edits && { suggested: value }),
  });
  return {
    ...{ model: air, aliases, name },
    "inputs.referenceImages": { minItems: references?.min ?? 0, maxItems: references?.max ?? 0 },
    width: side(defaults.defaultWidth),
    height: side(defaults.defaultHeight),
    controlNet: !edits,
  };
}

/** The document with `x-models` at the task: what each installed checkpoint takes. */
export function withModels(document: OpenApi, models: readonly ModelSummary[]): OpenApi {
  const { schemas } = document.components;
  const checkpoints = models.filter(({ category }) => category === "checkpoint").map(modelFacts);
  const ImageInference = { ...schemas.ImageInference, "x-models": checkpoints };
  return { ...document, components: { ...document.components, schemas: { ...schemas, ImageInference } } };
}

export type OpenApi = Schema & {
  readonly components: Schema & { readonly schemas: Readonly<Record<string, Schema>> };
};

/** The document of `/openapi.json`. */
export function openApiDocument(): OpenApi {
  const tasks = Object.entries(TASK_SCHEMAS).map(
    ([type, schema]) => [pascal(type), jsonSchema(schema, "input")] as const,
  );
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
            "307": { description: "The image lies in a bucket; the address serves it for 15 minutes." },
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
        ...Object.fromEntries(
          Object.entries(DATA_ITEMS).map(([name, schema]) => [name, jsonSchema(schema, "output")] as const),
        ),
        Reply: reply,
        Error: jsonSchema(errorSchema, "output"),
      },
    },
  };
}
