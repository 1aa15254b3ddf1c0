/** Finished pictures as items of `data`. */

import { type ImageItem, type ProcessingItem, TaskError } from "../protocol/index.ts";
import type { TaskRecord, TaskResult } from "../tasks/types.ts";
import type { LazyItem } from "./answer.ts";
import type { ImageFiles } from "./ports.ts";

/** Where pictures come from and are found. */
export interface ImageSource {
  readonly images: ImageFiles;
  /** Base of image URLs, without a slash at the end. */
  readonly baseUrl: string;
}

/** The address of an image. */
export const imageUrl = (baseUrl: string, fileName: string): string => `${baseUrl}/images/${fileName}`;

/** One finished picture of a task. `withStatus`: replies to getResponse say `success`. */
export function imageItem(record: TaskRecord, result: TaskResult, source: ImageSource, withStatus = false): LazyItem {
  const { task, taskUUID } = record;
  const owner = { taskType: "imageInference", taskUUID } as const;
  const make = async (): Promise<ImageItem> => ({
    ...owner,
    imageUUID: result.imageUUID,
    ...(await imageField(record, result, source)),
    seed: result.seed,
    ...(result.NSFWContent !== undefined && { NSFWContent: result.NSFWContent }),
    ...(result.skippedSteps !== undefined && { skippedSteps: result.skippedSteps }),
    ...(task.includeCost && { cost: result.cost }),
    ...(withStatus && { status: "success" as const }),
  });
  return { owner, make };
}

async function imageField({ task }: TaskRecord, result: TaskResult, { images, baseUrl }: ImageSource) {
  if (task.outputType === "URL") return { imageURL: imageUrl(baseUrl, result.fileName) };
  const stored = await images.read(result.fileName);
  if (stored === undefined) throw new TaskError("imageExpired", { imageUUID: result.imageUUID });
  const base64 = Buffer.from(stored.bytes).toString("base64");
  return task.outputType === "base64Data"
    ? { imageBase64Data: base64 }
    : { imageDataURI: `data:${result.contentType};base64,${base64}` };
}

/** The pictures of a task that are not finished. */
export function processingItems(record: TaskRecord): LazyItem[] {
  const { progress, place } = record;
  const missing = Math.max(0, record.task.numberResults - record.results.length);
  const item: ProcessingItem = {
    taskType: "imageInference",
    taskUUID: record.taskUUID,
    status: "processing",
    progress: progress?.percentage ?? 0,
    ...(progress && { step: progress.step, steps: progress.steps }),
    ...(place !== undefined && { queuePosition: place }),
  };
  return Array.from({ length: missing }, () => ({ owner: item, make: () => item }));
}
