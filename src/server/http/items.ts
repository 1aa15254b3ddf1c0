/** Results of a task as items of `data`: finished images, unfinished images, stages of a model upload. */

import {
  type GuideItem,
  type ImageItem,
  isPictureTask,
  type ModelUploadTask,
  type OutputType,
  type PictureTask,
  type ProcessingItem,
  resultsOf,
  TaskError,
  UPLOAD_STAGES,
  type UploadItem,
  type UploadStage,
  type UpscaledItem,
  type VectorizedItem,
} from "../../protocol/index.ts";
import type { TaskRecord, TaskResult } from "../tasks/index.ts";
import type { HttpPorts } from "./ports.ts";
import type { LazyItem } from "./reply.ts";

/** A task with images as results, with its current state. */
export type PictureRecord = TaskRecord<PictureTask>;

export const isPictureRecord = (record: TaskRecord): record is PictureRecord => isPictureTask(record.task);

/** The place of image files and their public address. */
export interface ImageSource {
  readonly images: HttpPorts["images"];
  /** The beginning of image URLs, without a slash at the end. */
  readonly imagesUrl: string;
}

/** The address of an image. */
export const imageUrl = ({ imagesUrl }: ImageSource, fileName: string): string => `${imagesUrl}/${fileName}`;

/** One finished image of a task. With `withStatus`, for getResponse, its status is `success`. */
export function imageItem(
  record: PictureRecord,
  result: TaskResult,
  source: ImageSource,
  withStatus = false,
): LazyItem {
  const { task, taskUUID } = record;
  const { taskType } = task;
  const end = { ...(task.includeCost && { cost: result.cost }), ...(withStatus && { status: "success" as const }) };
  const make = async (): Promise<ImageItem | GuideItem | UpscaledItem | VectorizedItem> => {
    if (taskType === "controlNetPreprocess") {
      const { imageUUID: guideImageUUID, inputImageUUID = "" } = result;
      const forms = await imageForms("guideImage", record, result, source);
      return { taskType, taskUUID, guideImageUUID, inputImageUUID, ...forms, ...end };
    }
    const forms = await imageForms("image", record, result, source);
    if (taskType !== "imageInference") {
      const { imageUUID, inputImageUUID = "" } = result;
      return { taskType, taskUUID, imageUUID, inputImageUUID, ...forms, ...end };
    }
    return {
      taskType,
      taskUUID,
      imageUUID: result.imageUUID,
      ...forms,
      seed: result.seed,
      ...(result.NSFWContent !== undefined && { NSFWContent: result.NSFWContent }),
      ...(result.skippedSteps !== undefined && { skippedSteps: result.skippedSteps }),
      ...end,
    };
  };
  return { owner: { taskType, taskUUID }, make };
}

/**
 * The image in each requested form: `imageURL`, `imageBase64Data`, `imageDataURI`; for a guide image `guideImageURL`
 * and so on.
 */
async function imageForms<const Name extends "image" | "guideImage">(
  name: Name,
  { task }: PictureRecord,
  result: TaskResult,
  source: ImageSource,
) {
  const wanted = (type: OutputType) => task.outputType.includes(type);
  const url = wanted("URL") ? { [`${name}URL` as const]: imageUrl(source, result.fileName) } : {};
  if (!wanted("base64Data") && !wanted("dataURI")) return url;
  const stored = await source.images.read(result.fileName);
  if (stored === undefined) throw new TaskError("imageExpired", { imageUUID: result.imageUUID });
  const base64 = Buffer.from(stored.bytes).toString("base64");
  return {
    ...url,
    ...(wanted("base64Data") && { [`${name}Base64Data` as const]: base64 }),
    ...(wanted("dataURI") && { [`${name}DataURI` as const]: `data:${result.contentType};base64,${base64}` }),
  };
}

/** The unfinished images of a task. */
export function processingItems(record: PictureRecord): LazyItem[] {
  const { progress, place } = record;
  const missing = Math.max(0, resultsOf(record.task) - record.results.length);
  const item: ProcessingItem = {
    taskType: record.task.taskType,
    taskUUID: record.taskUUID,
    status: "processing",
    progress: progress?.percentage ?? 0,
    ...(progress && "step" in progress && { step: progress.step, steps: progress.steps }),
    ...(place !== undefined && { queuePosition: place }),
  };
  return Array.from({ length: missing }, () => ({ owner: item, make: () => item }));
}

const MESSAGES: Readonly<Record<UploadStage, string>> = {
  validated: "The parameters are valid.",
  downloaded: "The file has been downloaded.",
  optimized: "The file has been checked.",
  stored: "The model has been registered.",
  ready: "The model can be used.",
};

/** The item for a finished stage. */
export const stageItem = ({ taskType, taskUUID, air }: ModelUploadTask, status: UploadStage): UploadItem => ({
  taskType,
  taskUUID,
  status,
  message: MESSAGES[status],
  air,
});

/**
 * The items of an upload. Empty for other tasks and for a failed upload. With `withStatus`, for getResponse, one item
 * has the state in the same words as for images. Otherwise, one item per stage after success.
 */
export function stagesOf({ task, state, progress, place }: TaskRecord, withStatus: boolean): UploadItem[] {
  if (task.taskType !== "modelUpload" || state === "failed" || state === "cancelled") return [];
  if (state === "succeeded") {
    if (!withStatus) return UPLOAD_STAGES.map((stage) => stageItem(task, stage));
    return [{ ...stageItem(task, "ready"), status: "success", stage: "ready" }];
  }
  if (!withStatus) return [];
  const { stage, percentage } =
    progress && "stage" in progress ? progress : { stage: "validated" as const, percentage: 0 };
  return [
    {
      ...stageItem(task, stage),
      status: "processing",
      stage,
      progress: percentage,
      ...(place !== undefined && { queuePosition: place }),
    },
  ];
}
