/** The task `imageInference`: every parameter of the API page, with its type, range, step and default. */

import { z } from "zod";
import { field, flag, float, group, integer, literal, oneOf, severalOf, text, uuid } from "../fields/index.ts";
import { controlNet, lora } from "./adapters.ts";
import { delivery } from "./delivery.ts";
import { findScheduler, SCHEDULERS } from "./schedulers.ts";
import { WHOLE_WINDOW } from "./step-window.ts";
import { air, imageReference, seed } from "./values.ts";
import { watermark } from "./watermark.ts";

const threshold = { min: 0, max: 1, step: 0.01 };

/** Caches that skip a part of the work of a step. All are off by default. */
export const acceleratorOptions = group("Caching mechanisms that speed up generation.", {
  teaCache: flag("TeaCache: estimates the change between steps and skips the transformer where it is small.").default(
    false,
  ),
  teaCacheDistance: float(
    "Aggressiveness of TeaCache. Lower values give better quality, higher values are faster.",
    threshold,
  ).default(0.5),
  fbCache: flag("First Block Cache: reuses the blocks after the first across steps.").default(false),
  fbCacheThreshold: float("Sensitivity of First Block Cache. Lower values reuse more.", threshold).default(0.25),
  dbCache: flag("DB Cache (Cache-DiT): reuses the middle blocks across steps.").default(false),
  dbCacheThreshold: float(
    "Sensitivity of DB Cache. Lower values reuse more, higher values prioritize quality.",
    threshold,
  ).default(0.25),
  dbCacheSkipInterval: integer(
    "Steps that DB Cache may skip between refreshes. `cacheMaxConsecutiveSteps` limits the steps in a row.",
    { min: 1 },
  ).default(5),
  cacheStartStep: integer("First step that may use a cache. Less than the end.", { min: 0 }).optional(),
  cacheEndStep: integer("Step at which caching ends. Greater than the start, at most `steps`.", { min: 1 }).optional(),
  cacheStartStepPercentage: integer("The start as a percentage of steps. Not together with `cacheStartStep`.", {
    min: 0,
    max: 99,
    assumed: WHOLE_WINDOW.startPercentage,
  }).optional(),
  cacheEndStepPercentage: integer("The end as a percentage of steps. Not together with `cacheEndStep`.", {
    min: 1,
    max: 100,
    assumed: WHOLE_WINDOW.endPercentage,
  }).optional(),
  cacheMaxConsecutiveSteps: integer("Most cached steps in a row. The step after them is computed in full.", {
    min: 1,
    max: 5,
  }).default(3),
});

/** Detection and refinement of faces after generation. */
export const ultralytics = group("Finds faces and generates them again with more detail.", {
  CFGScale: float("Guidance scale of the refinement.", { min: 0, max: 50, step: 0.1 }).default(8),
  confidence: float("Least confidence of a detected face.", { min: 0, max: 1, step: 0.01 }).default(0.9),
  inpaintSize: integer(
    "Longer side of the area around a face while it is refined, in pixels, rounded to a multiple of 16. Default: the longer side of the image.",
    { min: 128, max: 2048 },
  ).optional(),
  maskBlur: integer("Feathering of the mask.", { min: 0, max: 100 }).default(5),
  maskPadding: integer("Pixels around a face that are refined too.", { min: 0, max: 20 }).default(5),
  positivePrompt: text("Prompt of the refinement. Default: the prompt of the task.", { max: 32_000 }).optional(),
  negativePrompt: text("Negative prompt of the refinement. Default: the negative prompt of the task.", {
    max: 32_000,
  }).optional(),
  steps: integer("Steps of the refinement.", { min: 1, max: 100 }).default(20),
  strength: float("Strength of the refinement. Lower values keep more of the original.", {
    min: 0,
    max: 1,
    step: 0.01,
  }).default(0.3),
});

export const SAFETY_MODES = ["none", "fast"] as const;

/** Safety check of the content. `mode` wins over `checkContent`. The parsed value contains both, consistently. */
export const safety = group("Content safety checking.", {
  checkContent: flag("Turns the safety check on. Without `mode` it means `fast`.", { assumed: false }).optional(),
  mode: oneOf("`none` disables checks, `fast` performs a single check. Wins over `checkContent`.", SAFETY_MODES, {
    assumed: "none",
  }).optional(),
}).transform(({ checkContent, mode = checkContent === true ? "fast" : "none" }) => ({
  checkContent: mode !== "none",
  mode,
}));

/** Most reference images of an editing model. */
export const MOST_REFERENCES = 3;

/** Input images: a seed image for image-to-image, inpainting and outpainting, and images to edit. */
/** The default of `strength`. */
export const DEFAULT_STRENGTH = 0.8;

const inputs = group("Input images. These must be nested inside the inputs object.", {
  seedImage: imageReference(
    "Image used as a starting point for the generation (UUID, URL, data URI, or base64). Transparent pixels count as white.",
  ).optional(),
  maskImage: imageReference(
    "Areas of the seed image to edit: white is edited, black and transparent are kept (UUID, URL, data URI, or base64). Needs `seedImage`.",
  ).optional(),
  strength: float(
    "Strength of the transformation: the last strength × steps steps run. Lower values keep more of the original. Needs `seedImage`.",
    { min: 0, max: 1, step: 0.01, assumed: DEFAULT_STRENGTH },
  ).optional(),
  referenceImages: severalOf(
    "Images that an editing model changes or uses. The prompt describes the edit and can refer to them by number. Qwen-Image-Edit takes one image, Edit-2509 and Edit-2511 take up to three. Editing models require them, other models refuse them.",
    imageReference("One image (UUID, URL, data URI, or base64)."),
    MOST_REFERENCES,
  ).optional(),
});

const side = (name: string) => integer(`Number of pixels to extend to the ${name}.`, { min: 0, max: 2048 }).default(0);

/** Extends the seed image beyond its edges. */
const outpaint = group(
  "Extends the seed image in the given directions. `width` and `height` must equal the seed image plus the extensions. Needs `inputs.seedImage`.",
  {
    top: side("top"),
    right: side("right"),
    bottom: side("bottom"),
    left: side("left"),
    blur: integer("Softness of the transition between old and new area, in pixels.", { min: 0, max: 32 }).default(0),
  },
);

const settings = group("Technical parameters. These must be nested inside the settings object.", {
  trueCFGScale: float(
    "True classifier-free guidance scale; wins over `CFGScale`. Higher values follow the prompt more closely. At 1 or below, the model runs once per step and `negativePrompt` is ignored.",
    {},
  ).optional(),
});

const advancedFeatures = group("Post-processing features.", {
  ultralytics: ultralytics.optional(),
  watermark: watermark.optional(),
});

export const imageInference = z
  .strictObject({
    taskType: literal("The type of task.", "imageInference"),
    taskUUID: uuid("Identifies the task in results, errors, polls and webhooks. A UUID v4, unique per task."),
    model: air("The model to use: `runware:108@1` is Qwen-Image."),
    positivePrompt: text("Description of the image. `__BLANK__` means no text guidance.", {
      min: 1,
      max: 32_000,
    }),
    negativePrompt: text("Things to avoid in the image. Ignored when guidance is disabled (CFGScale ≤ 1).", {
      min: 1,
      max: 32_000,
    }).optional(),
    width: integer(
      "Width of the image in pixels. Required without `inputs.referenceImages`. With references, the default is about a megapixel in the aspect ratio of the last image. The image is generated at the next multiple of 16, then cropped.",
      { min: 128, max: 2048, step: 8 },
    ).optional(),
    height: integer("Height of the image in pixels. Required with `width`.", {
      min: 128,
      max: 2048,
      step: 8,
    }).optional(),
    seed: seed(
      "The first random seed: the same seed gives the same image. Result i uses seed + i. The default is a random number in the unsigned 32-bit range. The largest value is also accepted as JavaScript rounds it, 9223372036854776000.",
    ).optional(),
    steps: integer(
      "Number of denoising steps. More steps give more detail and take longer. Default: the value of the model, or of a LoRA distilled to few steps.",
      { min: 1, max: 100 },
    ).default(20),
    scheduler: oneOf("The sampler and its noise levels. Letter case does not matter.", SCHEDULERS, {
      find: findScheduler,
    }).default("Default"),
    CFGScale: float("How closely the image follows the prompt. Default: the value of the model (4).", {
      min: 1,
      max: 20,
      step: 0.01,
    }).optional(),
    numberResults: integer("Number of images, each with its own seed.", { min: 1, max: 20 }).default(1),
    ...delivery,
    safety: safety.optional(),
    inputs: inputs.optional(),
    maskMargin: integer("Zooms into the masked area, with a margin of this many pixels. Needs `inputs.maskImage`.", {
      min: 32,
      max: 128,
    }).optional(),
    outpaint: outpaint.optional(),
    lora: lora.optional(),
    controlNet: controlNet.optional(),
    acceleratorOptions: acceleratorOptions.optional(),
    settings: settings.optional(),
    advancedFeatures: advancedFeatures.optional(),
    routing: field(z.record(z.string(), z.unknown()), {
      type: "object",
      rule: "an object",
      about: "No effect: all tasks run in one place.",
    }).optional(),
  })
  .describe("Generates images from text, and from images.");

/** A validated `imageInference` task with its defaults filled in. */
export type ImageInferenceTask = z.output<typeof imageInference>;
