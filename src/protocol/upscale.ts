/** The task `upscale`: enlarges an image, with details from a network. */

import { z } from "zod";
import { group, integer, literal, oneOf, uuid } from "../fields/index.ts";
import { delivery } from "./delivery.ts";
import { imageReference } from "./values.ts";

/** The supported upscalers, by the API's identifiers: Real-ESRGAN. */
const UPSCALERS = ["runware:504@1"] as const;

export const upscale = z
  .strictObject({
    taskType: literal("The type of task.", "upscale"),
    taskUUID: uuid("Identifies the task in results, errors, polls and webhooks. A UUID v4, unique per task."),
    model: oneOf("The upscaler: Real-ESRGAN.", UPSCALERS).default("runware:504@1"),
    inputs: group("Input images.", {
      image: imageReference(
        "The image to enlarge (UUID, URL, data URI, or base64). The result may have at most 50 megapixels. Transparent pixels count as white.",
      ),
    }),
    upscaleFactor: integer("Factor of the width and of the height.", { min: 2, max: 4 }).default(2),
    ...delivery,
  })
  .describe("Enlarges an image, with edges and lettering that stay sharp.");

/** A validated `upscale` task with its defaults filled in. */
export type UpscaleTask = z.output<typeof upscale>;

/**
 * Maps the older form (`inputImage`) to the spelling of `upscale` and `vectorize`. Two different images are kept, so
 * that the schema rejects them.
 */
export function respellInputImage({ inputImage, ...task }: Record<string, unknown>): Record<string, unknown> {
  if (inputImage === undefined || inputImage === null) return task;
  const inputs = (task.inputs ?? {}) as Record<string, unknown>;
  const one = typeof inputs === "object" && (inputs.image ?? inputImage) === inputImage;
  return one ? { ...task, inputs: { ...inputs, image: inputImage } } : { inputImage, ...task };
}
