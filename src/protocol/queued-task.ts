import type { ControlNetPreprocessTask } from "./controlnet-preprocess.ts";
import type { ImageInferenceTask } from "./image-inference.ts";
import type { ModelUploadTask } from "./model-upload.ts";
import type { Task } from "./task.ts";

/** A task that makes pictures, whose results are delivered. */
export type PictureTask = ImageInferenceTask | ControlNetPreprocessTask;

/** A task that is stored, waits for its turn, and can be asked about afterwards. */
export type QueuedTask = PictureTask | ModelUploadTask;

export const isPictureTask = (task: Task): task is PictureTask =>
  task.taskType === "imageInference" || task.taskType === "controlNetPreprocess";

export const isQueuedTask = (task: Task): task is QueuedTask => isPictureTask(task) || task.taskType === "modelUpload";

/** How many pictures it makes. */
export function resultsOf(task: QueuedTask): number {
  if (task.taskType === "modelUpload") return 0;
  return task.taskType === "imageInference" ? task.numberResults : 1;
}
