import type { ControlNetPreprocessTask } from "./controlnet-preprocess.ts";
import type { ImageInferenceTask } from "./image-inference.ts";
import type { Task } from "./task.ts";

/** A task that makes pictures: it is stored, waits for its turn, and its results are delivered. */
export type PictureTask = ImageInferenceTask | ControlNetPreprocessTask;

export const isPictureTask = (task: Task): task is PictureTask =>
  task.taskType === "imageInference" || task.taskType === "controlNetPreprocess";

/** How many pictures it makes. */
export const resultsOf = (task: PictureTask): number => (task.taskType === "imageInference" ? task.numberResults : 1);
