import { z } from "zod";
import { field, float, group, literal, text } from "../fields/index.ts";

/** An error as the client receives it. */
export const errorReply = group("An error.", {
  code: text("The kind of error."),
  message: text("A sentence with the parameter, the given value and the allowed values."),
  parameter: field(z.union([z.string(), z.array(z.string())]), {
    type: "string or string[]",
    rule: "text",
    about: "The parameter or parameters at fault.",
  }).optional(),
  type: text("The expected type.").optional(),
  documentation: text("Address of the description of the parameter or error.").optional(),
  taskUUID: text("The task the error belongs to.").optional(),
  taskType: text("The type of that task.").optional(),
  min: float("Least value.", {}).optional(),
  max: field(z.union([z.number(), z.bigint()]), { type: "number", rule: "a number", about: "Largest value." })
    .meta({ type: "number" })
    .optional(),
  multiplier: float("Values must be multiples of it.", {}).optional(),
  default: field(z.any(), { type: "any", rule: "anything", about: "The meaning of an absent value." }).optional(),
  allowedValues: field(z.array(z.string()), {
    type: "string[]",
    rule: "strings",
    about: "The allowed values.",
  }).optional(),
  retryAfter: float("Seconds to wait before a new attempt can succeed.", { min: 0 }).optional(),
  status: literal("Only in replies to getResponse.", "error").optional(),
});
