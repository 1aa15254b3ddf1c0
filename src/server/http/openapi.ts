/** The API as an OpenAPI 3.1 document, built from the schemas that validate it. */

import type { ModelSummary } from "../../models/index.ts";
import { DATA_ITEMS, errorSchema, parametersOf, ROUTE_REPLIES, TASK_SCHEMAS } from "../../protocol/index.ts";
import { jsonSchema, ref, type Schema } from "./json-schema.ts";
import { PATHS } from "./openapi-paths.ts";

const pascal = (name: string): string => name[0]!.toUpperCase() + name.slice(1);

const reply: Schema = {
  type: "object",
  properties: {
    data: { type: "array", items: { anyOf: Object.keys(DATA_ITEMS).map(ref) } },
    errors: { type: "array", items: ref("Error") },
    error: { ...ref("Error"), description: "The first error again, only with an error status." },
  },
};

/** The capabilities of an installed checkpoint, which a common schema cannot express. */
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

/** Adds `x-models` to the task in the document: the capabilities of each installed checkpoint. */
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
      description: "Qwen-Image on your own machine, with Runware's task API.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ key: [] }],
    paths: PATHS,
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
        ...Object.fromEntries(
          Object.entries(ROUTE_REPLIES).map(([name, schema]) => [name, jsonSchema(schema, "output")] as const),
        ),
        Reply: reply,
        Error: jsonSchema(errorSchema, "output"),
      },
    },
  };
}
