/** JSON Schema of the API's schemas, for the OpenAPI document. */

import { z } from "zod";
import { fieldFacts } from "../../fields/index.ts";

export type Schema = Record<string, unknown>;

/** Converts a schema of requests or replies. */
export function jsonSchema(schema: z.ZodType, io: "input" | "output"): Schema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema: result }) => {
      // Client generators would make a field with `default` required, so the description contains the default.
      const { description = "" } = result;
      const fallback =
        zodSchema instanceof z.ZodDefault ? zodSchema.def.defaultValue : fieldFacts.get(zodSchema as never)?.assumed;
      delete result.default;
      if (fallback !== undefined) result.description = `${description} Default: ${JSON.stringify(fallback)}.`.trim();
      // Seeds are integers of any size. Their representation in JavaScript does not belong in the schema.
      if (result.anyOf !== undefined && (result.type === "integer" || result.type === "number")) delete result.anyOf;
    },
  });
  return rest;
}

/** A reference to a named schema of the document. */
export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
