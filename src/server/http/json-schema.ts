/** JSON Schema of the API's schemas, as the OpenAPI document has it. */

import { z } from "zod";
import { fieldFacts } from "../../fields/index.ts";

export type Schema = Record<string, unknown>;

/** A schema of what clients send or are sent. */
export function jsonSchema(schema: z.ZodType, io: "input" | "output"): Schema {
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

/** A schema of the document by its name. */
export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
