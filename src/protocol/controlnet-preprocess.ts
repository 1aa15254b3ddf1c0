/** The task `controlNetPreprocess`: turns an image into the guide image of a ControlNet. */

import { z } from "zod";
import { flag, integer, literal, oneOf, quoted, uuid } from "../fields/index.ts";
import { delivery } from "./delivery.ts";
import { invalidParameter } from "./parameter-errors.ts";
import { TaskError } from "./task-error.ts";
import { imageReference } from "./values.ts";

/** The supported preprocessors: classical filters. */
export const PREPROCESSORS = ["canny", "scribble", "softedge", "tile"] as const;
export type Preprocessor = (typeof PREPROCESSORS)[number];

/** Preprocessors of the API that are not supported, including variants. */
const ELSEWHERE =
  /^(depth|mlsd|normal|openpose|seg_|seg$|lineart|shuffle|scribble_|softedge_|inpaint_global_harmonious)/;

const threshold = (about: string) => integer(`${about} Only for canny.`, { min: 0, max: 255 });
const side = (name: string) =>
  integer(
    `Largest ${name} of the guide image in pixels. A larger image is scaled down and keeps its aspect ratio. A smaller image is not enlarged.`,
    {
      min: 16,
      max: 2048,
      assumed: 2048,
    },
  ).optional();

export const controlNetPreprocess = z
  .strictObject({
    taskType: literal("The type of task.", "controlNetPreprocess"),
    taskUUID: uuid("Identifies the task in results, errors, polls and webhooks. A UUID v4, unique per task."),
    inputImage: imageReference("The image to turn into a guide image (UUID, URL, data URI, or base64)."),
    preProcessorType: oneOf(
      "Kind of guide image: edges, strokes, soft edges, or the image without fine detail.",
      PREPROCESSORS,
      {
        find: (given) => PREPROCESSORS.find((name) => name === (given === "tile_gaussian" ? "tile" : given)),
      },
    ),
    width: side("width"),
    height: side("height"),
    lowThresholdCanny: threshold("Gradients above this value are edges if they touch a strong edge.").default(100),
    highThresholdCanny: threshold("Gradients above this value are strong edges.").default(200),
    includeHandsAndFaceOpenPose: flag("No effect: Inkstone does not have the preprocessor it belongs to.").default(
      false,
    ),
    ...delivery,
  })
  .describe("Turns an image into a guide image for `controlNet`.");

/** A validated `controlNetPreprocess` task with its defaults filled in. */
export type ControlNetPreprocessTask = z.output<typeof controlNetPreprocess>;

type Raw = Record<string, unknown>;

const MODEL = /^runware:controlnet-preprocess@([\w-]+)$/;

/** Keys of `settings` in the newer form. */
const SETTINGS = ["lowThresholdCanny", "highThresholdCanny", "includeHandsAndFaceOpenPose"];

/**
 * Maps the newer form to the spelling of the schema: `inputs.image`, the preprocessor as `model`, thresholds in
 * `settings`. Two different images are kept, so that the schema rejects them.
 */
export function respellPreprocess({ inputs, model, settings, ...task }: Raw): Raw {
  const image = isGroup(inputs) ? inputs : undefined;
  const onlyImage = image !== undefined && Object.keys(image).every((key) => key === "image");
  const oneImage = onlyImage && (image.image ?? task.inputImage) === (task.inputImage ?? image.image);
  const named = typeof model === "string" ? MODEL.exec(model)?.[1] : undefined;
  const known = isGroup(settings) && Object.keys(settings).every((key) => SETTINGS.includes(key) && !(key in task));
  return {
    ...task,
    ...(oneImage ? { inputImage: task.inputImage ?? image.image } : inputs !== undefined && { inputs }),
    ...(named !== undefined ? { preProcessorType: task.preProcessorType ?? named } : model !== undefined && { model }),
    ...(known ? settings : settings !== undefined && { settings }),
  };
}

const isGroup = (value: unknown): value is Raw => typeof value === "object" && value !== null && !Array.isArray(value);

/** The error for a preprocessor that the API has and Inkstone does not. */
export function missingPreprocessor({ preProcessorType: given }: Raw): TaskError | undefined {
  if (typeof given !== "string" || !ELSEWHERE.test(given)) return undefined;
  const values = { given: given.slice(0, 60), allowed: quoted(PREPROCESSORS) };
  const facts = { parameter: "preProcessorType", type: "string", allowedValues: PREPROCESSORS };
  return new TaskError("unsupportedPreProcessorType", values, facts);
}

/** Checks the thresholds against each other. */
export function preprocessErrors({ lowThresholdCanny: low, highThresholdCanny: high }: ControlNetPreprocessTask) {
  const rule = `Low threshold canny must be less than 'highThresholdCanny', which is ${high}.`;
  return low < high ? [] : [invalidParameter("lowThresholdCanny", low, rule, { type: "integer", min: 0, max: 255 })];
}
