import type { ImageInferenceTask } from "../protocol/index.ts";
import type { SafetyClass, SafetyPolicy } from "../settings/index.ts";
import type { FaceSettings } from "./faces/index.ts";
import type { TaskPictures } from "./from-task.ts";
import type { SafetyReport, SafetyStage } from "./safety.ts";
import { type Watermark, watermarkOf } from "./watermark.ts";

/** Settings of the operator, by their names in the configuration. */
export interface SafetySettings {
  readonly safetyPolicy: SafetyPolicy;
  readonly safetyThreshold: number;
  readonly safetyClasses: readonly SafetyClass[];
  /** Check every image, even if the task did not request it. */
  readonly safetyAlways: boolean;
}

/** The stages after generating the images of a task. */
export interface Stages {
  /** Find faces and generate them again. */
  readonly faces?: FaceSettings;
  /** Check the images. */
  readonly safety?: SafetyStage;
  /** Lay a watermark over them, last. */
  readonly watermark?: Watermark;
}

/** The stages that a task and the operator's settings require. `pictures` are the images that the task refers to. */
export function stagesOf(
  task: ImageInferenceTask,
  settings: SafetySettings,
  { watermarkImage }: Pick<TaskPictures, "watermarkImage"> = {},
): Stages {
  const { safetyPolicy: policy, safetyThreshold: threshold, safetyClasses: classes, safetyAlways } = settings;
  const asked = task.safety !== undefined && task.safety.mode !== "none";
  return {
    faces: task.advancedFeatures?.ultralytics,
    safety: asked || safetyAlways ? { rule: { classes, threshold }, policy, asked } : undefined,
    watermark: watermarkOf(task, watermarkImage),
  };
}

/** Results of the stages for one image. */
export interface Findings {
  /** Number of refined faces; absent when the task did not request it. */
  readonly faces?: number;
  /** Absent when the image was not checked. */
  readonly safety?: SafetyReport;
  /** A field of the result; absent when the task did not request the check. */
  readonly NSFWContent?: boolean;
}
