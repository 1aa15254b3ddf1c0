/** What the routes of the gallery, the queue and the server answer, as schemas: types, tests and the OpenAPI document are made of them. */

import { z } from "zod";
import { field, flag, float, group, integer, listOf, oneOf, text, uuid, webAddress } from "../fields/index.ts";
import { errorReply } from "./error-reply.ts";
import { UPLOAD_STAGES } from "./model-upload.ts";
import { air, seed } from "./values.ts";

const time = (about: string) =>
  field(z.union([z.iso.datetime({ offset: true }), z.date()]), { type: "string", rule: "a date and time", about });
const object = (about: string) =>
  field(z.record(z.string(), z.unknown()), { type: "object", rule: "an object", about });
const many = <Item extends z.ZodType>(about: string, item: Item) =>
  field(z.array(item), { type: "object[]", rule: "an array", about });
const next = text("Cursor of the following page; absent on the last one.").optional();

export const pictureReply = group("A picture of the gallery.", {
  imageUUID: uuid("The image. Can be used as an input image of later tasks."),
  imageURL: webAddress("Where it is."),
  thumbnailURL: webAddress("Small copies of it, with `?side=160`, `320` or `640`."),
  kind: oneOf(
    "Drawn by a task, made from one other image (`guide`: guide images, upscaled and traced ones), or brought by a client.",
    ["drawn", "guide", "upload"],
  ),
  width: integer("Pixels.", { min: 1 }),
  height: integer("Pixels.", { min: 1 }),
  bytes: integer("Size of its file.", { min: 0 }),
  createdAt: time("When it was made."),
  expiresAt: field(z.union([z.iso.datetime({ offset: true }), z.date(), z.null()]), {
    type: "string or null",
    rule: "a date and time, or null",
    about: "When it is deleted; null: it is kept for good.",
  }),
  starred: flag("Whether it has a star."),
  taskUUID: uuid("The task that made it, while that is kept.").optional(),
  index: integer("Its place among the results of that task.", { min: 0 }).optional(),
  seed: seed("Of a drawn picture.").optional(),
  NSFWContent: flag("Whether the safety check flagged it, where one ran.").optional(),
  parameters: object("The task that draws it again.").optional(),
  parents: field(z.array(z.string()), {
    type: "string[]",
    rule: "an array of UUIDs",
    about: "The pictures it was made from.",
  }),
});

const progressReply = group("How far a running task is.", {
  image: integer("The picture in work, from 0.", { min: 0 }).optional(),
  images: integer("Pictures in all.", { min: 1 }).optional(),
  step: integer("Steps of this picture that are done.", { min: 0 }).optional(),
  steps: integer("Steps of a picture.", { min: 0 }).optional(),
  stage: oneOf("Of a model upload: the last stage that was reached.", UPLOAD_STAGES).optional(),
  percentage: float("Of the whole task.", { min: 0, max: 100 }),
});

export const TASK_STATES = ["queued", "running", "succeeded", "failed", "cancelled"] as const;
const state = oneOf("Where it stands.", TASK_STATES);

export const taskReply = group("A task of the queue.", {
  taskUUID: uuid("The task."),
  taskType: text("The type of task."),
  state,
  createdAt: time("When it was accepted."),
  queuePosition: integer("Tasks that start before this one, while it waits.", { min: 0 }).optional(),
  progress: progressReply.optional(),
  request: object("The task as it was sent; long texts are cut."),
  results: many("Its pictures so far.", pictureReply),
  error: errorReply.optional(),
});

const capacity = group("The server's queue.", {
  waiting: integer("Tasks that wait, of all keys.", { min: 0 }),
  running: integer("Tasks that run, of all keys.", { min: 0 }),
  limit: integer("Tasks that may wait.", { min: 0 }),
});

const storage = group("The caller's pictures.", {
  pictures: integer("Outside the bin.", { min: 0 }),
  bytes: integer("Of all their files.", { min: 0 }),
  binned: integer("In the bin.", { min: 0 }),
  freeBytes: integer("Free on the disk of the data folder, where that is known.", { min: 0 }).optional(),
  full: flag("Whether nothing more is taken in until something is deleted."),
});

const MODEL_STATES = ["installed", "loading", "ready"] as const;

export const statusReply = group("What a caller may know of the server.", {
  version: text("Of Inkstone."),
  ready: flag("Whether it takes tasks."),
  reason: text("Why not.").optional(),
  device: text("Where networks run.").optional(),
  model: group("The model in memory, of the worker in this process.", {
    air: air("Its identifier."),
    state: oneOf("Whether it can draw at once.", ["loading", "ready"]),
  }).optional(),
  caller: group("Who asks.", { name: text("The name of the key.") }),
  queue: capacity,
  storage,
  addresses: z
    .array(webAddress("One address."))
    .meta({ description: "Where other machines reach the server; empty while it serves its own only." }),
  limits: group("Of requests.", {
    maxTasks: integer("Tasks of one request.", { min: 1 }),
    maxBodyBytes: integer("Bytes of one request.", { min: 1 }),
  }),
});

export const modelReply = group(
  "A checkpoint, as OpenAI's clients list models; what they do not know is under `inkstone`.",
  {
    id: air("Its identifier."),
    object: text("Always `model`."),
    created: integer("Always 0.", { min: 0 }),
    owned_by: text("Always `inkstone`."),
    name: text("Its name."),
    inkstone: group("What it can do, and what it takes.", {
      air: air("Its identifier."),
      aliases: field(z.array(z.string()), { type: "string[]", rule: "strings", about: "Further identifiers." }),
      category: text("Always `checkpoint`."),
      can: field(z.array(z.enum(["text", "image", "mask", "outpaint", "edit"])), {
        type: "string[]",
        rule: "words",
        about: "What it draws from: `text`, `image`, `mask`, `outpaint`, `edit`.",
      }),
      references: group("Reference images that it takes.", {
        min: integer("At least.", { min: 0 }),
        max: integer("At most.", { min: 0 }),
      }),
      sizes: group("Widths and heights in pixels.", {
        min: integer("Least.", { min: 1 }),
        max: integer("Most.", { min: 1 }),
        step: integer("They are its multiples.", { min: 1 }),
        suggested: text(
          "Where a request names none: `1024x1024`, or `auto`, at the aspect of the last reference image.",
        ),
        trained: field(z.array(z.array(z.int()).length(2)), {
          type: "integer[][]",
          rule: "pairs",
          about: "Sizes that it was trained on.",
        }),
      }),
      maxPixels: integer("Larger pictures are drawn with so many pixels, then enlarged.", { min: 1 }).optional(),
      defaults: object("Parameters to begin with: `width`, `height`, `steps`, `CFGScale`, `scheduler`."),
      licence: text("Of its weights.").optional(),
      bytes: integer("Of its files.", { min: 0 }).optional(),
      state: oneOf("`ready`: it is in memory. `installed`: it is loaded when a task needs it.", MODEL_STATES),
      secondsPerStep: float("At its own size, by the pictures of the last day; absent before the first.", {
        min: 0,
      }).optional(),
    }),
  },
);

/** The replies of the routes, by the names they have in the OpenAPI document. */
export const ROUTE_REPLIES = {
  Picture: pictureReply,
  PicturePage: group("A page of pictures, newest first.", { data: many("Pictures.", pictureReply), next }),
  PictureNames: group("The pictures that were there.", {
    data: many("They.", group("One picture.", { imageUUID: uuid("The image.") })),
    errors: listOf("Those that were not.", errorReply, 500).optional(),
  }),
  BinEmptied: group("The bin is empty.", { deleted: integer("Pictures that were in it.", { min: 0 }) }),
  TaskEntry: taskReply,
  TaskPage: group("A page of tasks, newest first.", { data: many("Tasks.", taskReply), next }),
  TasksCancelled: group("Waiting tasks have been cancelled.", { cancelled: integer("How many.", { min: 0 }) }),
  Status: statusReply,
  Model: modelReply,
  ModelList: group("The installed checkpoints.", {
    object: text("Always `list`."),
    data: many("They.", modelReply),
  }),
} as const;

export type PictureReply = z.output<typeof pictureReply>;
export type TaskReply = z.output<typeof taskReply>;
export type StatusReply = z.output<typeof statusReply>;
export type ModelReply = z.output<typeof modelReply>;
