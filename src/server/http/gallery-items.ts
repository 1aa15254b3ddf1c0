/** Entries of lists: images of the gallery and tasks of the queue. */

import { errorItem, type PictureReply, parseJson, TaskError, type TaskReply } from "../../protocol/index.ts";
import { endOf, type GalleryPicture } from "../storage/index.ts";
import type { TaskRecord } from "../tasks/index.ts";
import { imageUrl } from "./items.ts";
import type { RequestContext } from "./request-context.ts";

type Fields = Record<string, unknown>;
type Addresses = Pick<RequestContext, "source" | "baseUrl">;

/** One image. Its thumbnail address accepts `?side=160`, `320` or `640`. */
export function pictureItem(picture: GalleryPicture, { source, baseUrl }: Addresses): PictureReply {
  const { imageUUID, fileName, kind, width, height, byteLength, createdAt, starred, parents } = picture;
  return {
    imageUUID,
    imageURL: imageUrl(source, fileName),
    thumbnailURL: `${baseUrl}/images/${imageUUID}.webp`,
    kind,
    width,
    height,
    bytes: byteLength,
    createdAt,
    expiresAt: endOf(picture),
    starred,
    taskUUID: picture.taskUUID,
    index: picture.index,
    seed: picture.seed === undefined ? undefined : BigInt(picture.seed),
    NSFWContent: picture.NSFWContent,
    parameters: picture.parameters === undefined ? undefined : (parseJson(picture.parameters) as object as Fields),
    parents: [...parents],
  };
}

/** Longest text of a task in a list. Longer texts are input images. */
const LONGEST_TEXT = 32_000;

/** One task, with its finished images. */
export function taskItem(
  { taskUUID, task, state, createdAt, place, progress, error }: TaskRecord,
  request: string,
  pictures: readonly GalleryPicture[],
  addresses: Addresses,
): TaskReply {
  const failure = state === "cancelled" ? new TaskError("taskCancelled").body : error;
  return {
    taskUUID,
    taskType: task.taskType,
    state,
    createdAt,
    queuePosition: place,
    progress,
    request: withoutLongTexts(parseJson(request)) as Fields,
    results: pictures.map((picture) => pictureItem(picture, addresses)),
    error: failure && (errorItem(failure, { taskUUID, taskType: task.taskType }) as TaskReply["error"]),
  };
}

function withoutLongTexts(value: unknown): unknown {
  if (typeof value === "string" && value.length > LONGEST_TEXT) return `${value.slice(0, 40)}…`;
  if (Array.isArray(value)) return value.map(withoutLongTexts);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutLongTexts(item)]));
}
