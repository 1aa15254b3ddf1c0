/**
 * The replies of the server, as schemas. Types, checks in tests, the OpenAPI document and the reference page are built
 * from them. Absent fields are omitted, never null: clients check for presence. The results of modelSearch are an
 * exception, because clients expect null.
 */

import { z } from "zod";
import { field, flag, float, group, integer, literal, oneOf, text, uuid, webAddress } from "../fields/index.ts";
import type { OUTPUT_FORMATS } from "./delivery.ts";
import { errorReply } from "./error-reply.ts";
import { pictureReply, TASK_STATES } from "./gallery-replies.ts";
import { UPLOAD_STAGES } from "./model-upload.ts";
import { air, seed } from "./values.ts";

export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

const taskUUID = uuid("The task.");
const imageUUID = (about: string) => uuid(`${about} Can be used as an input image of later tasks.`);
const cost = float("US dollars. Only with `includeCost`.", { min: 0 }).optional();
const success = literal("Only in replies to getResponse.", "success").optional();
const queuePosition = integer("Tasks that start before this one, while it waits.", { min: 0 }).optional();
const time = (about: string) =>
  field(z.union([z.iso.datetime(), z.date()]), { type: "string", rule: "a date and time", about });
const anything = (type: string, about: string) => field(z.any(), { type, rule: "anything", about });
const nullable = <Schema extends z.ZodType>(schema: Schema, about: string) =>
  field(schema.nullable(), { type: "string or null", rule: "text or null", about });

/** An image in the forms that `outputType` requests. */
const forms = <const Name extends "image" | "guideImage">(name: Name) =>
  ({
    [`${name}URL`]: webAddress("With outputType `URL`.").optional(),
    [`${name}Base64Data`]: text("With outputType `base64Data`.").optional(),
    [`${name}DataURI`]: text("With outputType `dataURI`.").optional(),
  }) as Record<`${Name}${"URL" | "Base64Data" | "DataURI"}`, z.ZodOptional<z.ZodString>>;

const imageItem = group("A finished image of an imageInference task.", {
  taskType: literal("The type of task.", "imageInference"),
  taskUUID,
  imageUUID: imageUUID("The image."),
  ...forms("image"),
  seed: seed("Send this seed with `numberResults` 1 to generate the same image again."),
  NSFWContent: flag(
    "True if the safety check flagged the image. Present only if the task requested the check.",
  ).optional(),
  skippedSteps: float(
    "Denoising steps that a step cache replaced. If it replaced one of two guidance passes, the step counts as a half. Present only if a cache was on. The original API does not have this field.",
    { min: 0 },
  ).optional(),
  cost,
  status: success,
});

const guideItem = group("The guide image of a controlNetPreprocess task. Its `cost` is 0.", {
  taskType: literal("The type of task.", "controlNetPreprocess"),
  taskUUID,
  guideImageUUID: imageUUID("The guide image."),
  inputImageUUID: imageUUID("The input image."),
  ...forms("guideImage"),
  cost,
  status: success,
});

const upscaledItem = group("The enlarged image of an upscale task. Its `cost` is 0.", {
  taskType: literal("The type of task.", "upscale"),
  taskUUID,
  imageUUID: imageUUID("The enlarged image."),
  inputImageUUID: imageUUID("The input image."),
  ...forms("image"),
  cost,
  status: success,
});

const vectorizedItem = group("The result of a vectorize task, an SVG file. Its `cost` is 0.", {
  taskType: literal("The type of task.", "vectorize"),
  taskUUID,
  imageUUID: imageUUID("The SVG image."),
  inputImageUUID: imageUUID("The image that was traced."),
  ...forms("image"),
  cost,
  status: success,
});

const processingItem = group("An image that is not finished, in a reply to getResponse.", {
  taskType: oneOf("The type of task.", ["imageInference", "controlNetPreprocess", "upscale", "vectorize"]),
  taskUUID,
  status: literal("The task waits or runs.", "processing"),
  progress: float("Percentage of the whole task.", { min: 0, max: 100 }),
  step: integer("Finished denoising steps; of an upscale task, tiles.", { min: 0 }).optional(),
  steps: integer("Denoising steps in total.", { min: 0 }).optional(),
  queuePosition,
});

const uploadItem = group("Progress of a modelUpload task.", {
  taskType: literal("The type of task.", "modelUpload"),
  taskUUID,
  status: oneOf("The stage. In replies to getResponse: `processing` or `success`.", [
    ...UPLOAD_STAGES,
    "processing",
    "success",
  ]),
  message: text("The stage as a sentence."),
  air: air("The model's identifier."),
  stage: oneOf("The last finished stage. Only in replies to getResponse.", UPLOAD_STAGES).optional(),
  progress: float("Percentage of the download, if its length is known.", { min: 0, max: 100 }).optional(),
  queuePosition,
});

const queuedType = oneOf("The type of task.", [
  "imageInference",
  "controlNetPreprocess",
  "upscale",
  "vectorize",
  "modelUpload",
]);

const acknowledgement = group("An async task has been stored.", { taskType: queuedType, taskUUID });

const dryRunItem = group("Result of a dry run: one item for each result of the task.", {
  taskType: queuedType,
  taskUUID,
  cost: float("US dollars.", { min: 0 }).optional(),
  estimatedSeconds: float(
    "Expected time of the whole task after it starts, from the images of this model in the last day. Absent before the first image, and for other kinds of task. An addition of Inkstone.",
    { min: 0 },
  ).optional(),
  dryRun: literal("Nothing was run.", true),
});

const cancelledTask = group("A task after a request to cancel it.", {
  taskType: queuedType,
  taskUUID,
  state: oneOf("State of the task.", TASK_STATES),
});

const authenticated = group("The caller is authenticated.", {
  taskType: literal("The type of task.", "authentication"),
  connectionSessionUUID: uuid("Send this value to resume the session after the connection breaks."),
});

const pong = group("Reply to a ping.", {
  taskType: literal("The type of task.", "ping"),
  taskUUID: taskUUID.optional(),
  pong: literal("Always true.", true),
});

const uploadedImage = group("An image has been stored.", {
  taskType: literal("The type of task.", "imageUpload"),
  taskUUID,
  imageUUID: imageUUID("The image."),
  imageURL: webAddress("Address of the image."),
});

const mediaItem = group("An image has been stored, or deleted.", {
  taskType: literal("The type of task.", "mediaStorage"),
  taskUUID,
  operation: oneOf("The operation.", ["upload", "delete"]),
  mediaUUID: imageUUID("The image."),
  mediaURL: webAddress("Address of the image, after an upload.").optional(),
});

const modelSummary = group("An installed model.", {
  air: air("AIR of the model."),
  name: text("Name of the model."),
  version: text("Version of the model."),
  aliases: field(z.array(z.string()), {
    type: "string[]",
    rule: "strings",
    about: "Other identifiers, including slugs.",
  }).optional(),
  category: text("Kind of model: `checkpoint`, `lora`, `controlnet`."),
  architecture: text("The model it was made for."),
  type: text("Type of a checkpoint.").optional(),
  conditioning: text("Content of the guide images of a ControlNet.").optional(),
  tags: field(z.array(z.string()), { type: "string[]", rule: "strings", about: "Tags to search by." }),
  comment: text("A description.").optional(),
  capabilities: field(z.array(z.string()), {
    type: "string[]",
    rule: "strings",
    about: "Capabilities: `io:text-to-image`, `io:image-to-image`, `op:inpaint` …",
  }),
  source: text("`official` models come with Inkstone, `community` models were installed."),
  heroImage: nullable(z.string(), "An example image, or null."),
  private: flag("Always false: the operator owns every installed model."),
  defaultWidth: integer("Default, in pixels.", { min: 1 }).optional(),
  defaultHeight: integer("Default, in pixels.", { min: 1 }).optional(),
  defaultSteps: integer("Default number of steps.", { min: 1 }).optional(),
  defaultScheduler: text("Default scheduler.").optional(),
  defaultCFG: float("Default guidance.", { min: 0 }).optional(),
  license: text("The licence of its weights.").optional(),
  bytes: integer("Size of its files on disk.", { min: 0 }).optional(),
  maxPixels: integer("Larger images are generated with this number of pixels, then enlarged.", { min: 1 }).optional(),
  trainedSizes: field(z.array(z.array(z.int().min(1)).length(2)), {
    type: "integer[][]",
    rule: "pairs of width and height",
    about: "Widths and heights of the training images.",
  }).optional(),
  references: group("Number of reference images of a checkpoint.", {
    min: integer("Fewest.", { min: 0 }),
    max: integer("Most; 0 for checkpoints that do not edit images.", { min: 0 }),
  }).optional(),
  defaultWeight: float("Recommended weight of an adapter.", {}).optional(),
  positiveTriggerWords: text("Words in the prompt that trigger the effect.").optional(),
});

const modelPage = group("One page of a model search.", {
  taskType: literal("The type of task.", "modelSearch"),
  taskUUID,
  results: field(z.array(modelSummary), { type: "object[]", rule: "objects", about: "The models of this page." }),
  totalResults: integer("Number of all matching models.", { min: 0 }),
});

const usage = group("Inkstone has no billing, so nothing is counted.", {
  credits: integer("Always 0.", { min: 0 }),
  requests: integer("Always 0.", { min: 0 }),
});

const accountDetails = group("The account behind a key.", {
  taskType: literal("The type of task.", "accountManagement"),
  taskUUID,
  operation: literal("The requested operation.", "getDetails"),
  organizationUUID: uuid("Always the same."),
  organizationName: text("Always `Inkstone`."),
  AIRSource: text("Always `inkstone`."),
  balance: integer("Always 0: Inkstone has no billing.", { min: 0 }),
  team: anything("object[]", "Always empty."),
  apiKeys: anything("object[]", "The key of the caller: `name`, `apiKey` (its beginning), `createdAt`, `enabled`."),
  usage: group("Usage.", { total: usage, today: usage, last7Days: usage, last30Days: usage }),
});

const taskDetails = group("A task with its request, its response and its deliveries.", {
  taskType: literal("The type of task.", "getTaskDetails"),
  taskUUID,
  state: cancelledTask.shape.state,
  attempts: integer("Number of starts.", { min: 0 }),
  createdAt: time("Time of acceptance."),
  startedAt: time("Time of the last start.").optional(),
  finishedAt: time("Time of the end.").optional(),
  request: anything("object[]", "The request, unchanged."),
  response: anything("object", "`data` and `errors` of the reply."),
  deliveries: anything("object[]", "Webhook calls and uploads of the task.").optional(),
});

const watchItem = group(
  "Messages to a WebSocket that watches: the acknowledgement (with `previews`), and events of tasks, images and models (with `event`).",
  {
    taskType: literal("The type of task.", "watch"),
    taskUUID: uuid("The task of the event. In the acknowledgement, and in events without a task, the watch."),
    previews: flag("True if previews will be sent.").optional(),
    event: oneOf("The event.", [
      "queued",
      "started",
      "progress",
      "preview",
      "result",
      "final",
      "picture",
      "gone",
      "models",
    ]).optional(),
    queuePosition,
    attempt: integer("With `started`: number of starts.", { min: 1 }).optional(),
    image: integer("With `progress` and `preview`: the current image, from 0.", { min: 0 }).optional(),
    images: integer("Number of images.", { min: 1 }).optional(),
    step: integer("Finished steps of this image.", { min: 0 }).optional(),
    steps: integer("Steps per image.", { min: 0 }).optional(),
    stage: oneOf("The last finished stage of a model upload.", UPLOAD_STAGES).optional(),
    percentage: float("Percentage of the whole task.", { min: 0, max: 100 }).optional(),
    imageDataURI: text("With `preview`: a small WEBP of the unfinished image.").optional(),
    picture: pictureReply.optional(),
    imageUUIDs: z
      .array(uuid("One image."))
      .meta({ description: "With `gone`: images that were binned or deleted." })
      .optional(),
    state: cancelledTask.shape.state.optional(),
    error: errorReply.optional(),
  },
);

/** The items of `data`, by their names in the OpenAPI document. */
export const DATA_ITEMS = {
  ImageItem: imageItem,
  GuideItem: guideItem,
  UpscaledItem: upscaledItem,
  VectorizedItem: vectorizedItem,
  ProcessingItem: processingItem,
  UploadItem: uploadItem,
  Acknowledgement: acknowledgement,
  DryRunItem: dryRunItem,
  CancelledTask: cancelledTask,
  Authenticated: authenticated,
  Pong: pong,
  UploadedImage: uploadedImage,
  MediaItem: mediaItem,
  ModelPage: modelPage,
  AccountDetails: accountDetails,
  TaskDetails: taskDetails,
  WatchItem: watchItem,
} as const;

export const errorSchema = errorReply;

/** One reply or frame. `error` repeats the first error in HTTP replies with an error status. */
export const replyBody = z.strictObject({
  data: z.array(z.union(Object.values(DATA_ITEMS) as unknown as readonly [typeof imageItem])).optional(),
  errors: z.array(errorReply).min(1).optional(),
  error: errorReply.optional(),
});

export type ImageItem = Readonly<z.output<typeof imageItem>>;
export type GuideItem = Readonly<z.output<typeof guideItem>>;
export type UpscaledItem = Readonly<z.output<typeof upscaledItem>>;
export type VectorizedItem = Readonly<z.output<typeof vectorizedItem>>;
export type ProcessingItem = Readonly<z.output<typeof processingItem>>;
export type UploadItem = Readonly<z.output<typeof uploadItem>>;
export type WatchItem = Readonly<z.output<typeof watchItem>>;
export type ModelSearchResult = Readonly<z.output<typeof modelSummary>>;

/** Any item of `data`. */
export type DataItem = Readonly<
  { [Name in keyof typeof DATA_ITEMS]: z.output<(typeof DATA_ITEMS)[Name]> }[keyof typeof DATA_ITEMS]
>;
