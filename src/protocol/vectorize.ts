/** The task `vectorize`: converts an image to an SVG of shapes, sharp at every size. */

import { z } from "zod";
import { group, literal, oneOf, uuid } from "../fields/index.ts";
import { delivery } from "./delivery.ts";
import { imageReference } from "./values.ts";

/**
 * The values of `model`. The first is the bundled tracer. Clients send the others, which belong to the original API;
 * all select the bundled tracer, as `runware:108@1` selects the bundled checkpoint.
 */
const TRACERS = ["inkstone:vtracer@1", "recraft:1@1", "picsart:1@1"] as const;

const { outputQuality: _, ...deliveryOfVectors } = delivery;

export const vectorize = z
  .strictObject({
    taskType: literal("The type of task.", "vectorize"),
    taskUUID: uuid("Identifies the task in results, errors, polls and webhooks. A UUID v4, unique per task."),
    model: oneOf(
      "The tracer. All names select VTracer. The models of the original API are not available.",
      TRACERS,
    ).default("inkstone:vtracer@1"),
    inputs: group("Input images.", {
      image: imageReference(
        "The image to trace (UUID, URL, data URI, or base64). An image above 4 megapixels is scaled down before tracing. Transparent pixels stay transparent.",
      ),
    }),
    ...deliveryOfVectors,
    outputFormat: oneOf("File format of the result. Letter case does not matter.", ["SVG"], {
      anyCase: true,
    }).default("SVG"),
  })
  .describe("Traces an image into shapes of one colour each, as an SVG file. For logos, lettering and flat graphics.");

/** A validated `vectorize` task with its defaults filled in. */
export type VectorizeTask = z.output<typeof vectorize>;
