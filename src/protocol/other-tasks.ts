/** The task types other than those that generate images. */

import { z } from "zod";
import { flag, integer, isUuidV4, literal, oneOf, secret, text, uuid, words } from "../fields/index.ts";
import { invalidParameter } from "./parameter-errors.ts";
import type { TaskError } from "./task-error.ts";
import { imageReference } from "./values.ts";

const taskUUID = (about = "Identifies the task in its reply. A UUID v4.") => uuid(about);

export const authentication = z
  .strictObject({
    taskType: literal("The type of task.", "authentication"),
    apiKey: secret("The API key.").optional(),
    connectionSessionUUID: uuid("Resumes this session. Undelivered results follow.").optional(),
    taskUUID: taskUUID().optional(),
  })
  .describe("Authenticates the caller. The first message on a WebSocket; on HTTP an alternative to the header.");

export const ping = z
  .strictObject({
    taskType: literal("The type of task.", "ping"),
    ping: literal("Always true.", true).optional(),
    taskUUID: taskUUID().optional(),
  })
  .describe("Keeps a WebSocket open. The reply is `pong`.");

export const getResponse = z
  .strictObject({
    taskType: literal("The type of task.", "getResponse"),
    taskUUID: taskUUID("The task to report."),
    numberResults: integer("Number of results that the client expects. The reply contains all finished results.", {
      min: 1,
      max: 20,
    }).optional(),
  })
  .describe(
    "Reports the progress of a task, with the results so far. Works for sync and async tasks and for model uploads.",
  );

export const getTaskDetails = z
  .strictObject({
    taskType: literal("The type of task.", "getTaskDetails"),
    taskUUID: taskUUID("The task to report."),
  })
  .describe("Returns the request of a task, its response, and its webhook calls and uploads.");

export const imageUpload = z
  .strictObject({
    taskType: literal("The type of task.", "imageUpload"),
    taskUUID: taskUUID(),
    image: imageReference("The image: data URI, base64, or public URL."),
  })
  .describe("Stores an image for use as an input by its imageUUID.");

export const mediaStorage = z
  .strictObject({
    taskType: literal("The type of task.", "mediaStorage"),
    taskUUID: taskUUID(),
    operation: oneOf("The operation.", ["upload", "delete"]),
    media: imageReference("To upload: the image, as data URI, base64, or public URL. To delete: its mediaUUID."),
  })
  .describe(
    "Stores an image for use as an input by its mediaUUID, or deletes one. Images are kept for 30 days after their last use.",
  );

/** Requires a UUID for deletions. */
export function mediaErrors({ operation, media }: MediaStorageTask): TaskError[] {
  if (operation === "upload" || isUuidV4(media)) return [];
  return [invalidParameter("media", media, "To delete, media must be the UUID v4 of an image.", { type: "string" })];
}

export const accountManagement = z
  .strictObject({
    taskType: literal("The type of task.", "accountManagement"),
    taskUUID: taskUUID(),
    operation: oneOf("The requested information.", ["getDetails"]),
  })
  .describe("Describes the account behind the API key.");

export const modelSearch = z
  .strictObject({
    taskType: literal("The type of task.", "modelSearch"),
    taskUUID: taskUUID(),
    search: text("Text in the name, AIR, comment or tags.", { max: 200 }).optional(),
    tags: words("Only models with all of these tags.", 32).optional(),
    category: oneOf(
      "Only models of this category.",
      ["checkpoint", "lora", "lycoris", "controlnet", "vae", "embeddings"],
      {
        anyCase: true,
      },
    ).optional(),
    type: oneOf("Only checkpoints of this type.", ["base", "inpainting", "refiner"]).optional(),
    architecture: text("Only models of this architecture, for example `qwen_image`.", { min: 1, max: 100 }).optional(),
    conditioning: text("Only ControlNets with this conditioning.", { min: 1, max: 100 }).optional(),
    source: oneOf(
      "`official` models come with Inkstone, `community` models were installed. The other two values match nothing.",
      ["official", "community", "featured", "curated"],
    ).optional(),
    capabilities: words("Only models with all of these capabilities, for example `io:text-to-image`.", 32).optional(),
    visibility: oneOf("Every model is `public` and `owned`.", [
      "public",
      "private",
      "favorite",
      "owned",
      "all",
    ]).default("all"),
    sort: oneOf(
      "Order of the results, `-` for descending: by relevance, name or time of installation. Popularity is not counted. Default: by relevance, or as listed.",
      [
        "_score",
        "popularity",
        "-popularity",
        "name",
        "-name",
        "addedUnixTimestamp",
        "-addedUnixTimestamp",
        "updatedDateUnixTimestamp",
        "-updatedDateUnixTimestamp",
      ],
    ).optional(),
    limit: integer("Results per page.", { min: 1, max: 500 }).default(20),
    offset: integer("Results to skip.", { min: 0 }).default(0),
  })
  .describe("Searches the installed models.");

export type AuthenticationTask = z.output<typeof authentication>;
export type PingTask = z.output<typeof ping>;
export type GetResponseTask = z.output<typeof getResponse>;
export type GetTaskDetailsTask = z.output<typeof getTaskDetails>;
export type ImageUploadTask = z.output<typeof imageUpload>;
export type MediaStorageTask = z.output<typeof mediaStorage>;
export type AccountManagementTask = z.output<typeof accountManagement>;
export type ModelSearchTask = z.output<typeof modelSearch>;

/** Reports the tasks of a key over a WebSocket. */
export const watch = z
  .strictObject({
    taskType: literal("The type of task.", "watch"),
    taskUUID: uuid("Identifies the task in its reply. A UUID v4."),
    previews: flag("Sends previews of images while they are generated.").default(false),
  })
  .describe(
    "Only over a WebSocket. Reports the events of all tasks and images of the key, and of the server's models, until the socket closes. A second watch replaces the first.",
  );

export type WatchTask = z.output<typeof watch>;
