import type { ImageInferenceTask } from "../protocol/index.ts";
import type { SafetyClass, SafetyPolicy } from "../settings/index.ts";
import type { FaceSettings } from "./faces/index.ts";
import type { TaskPictures } from "./from-task.ts";
import type { SafetyReport, SafetyStage } from "./safety.ts";
import { type Watermark, watermarkOf } from "./watermark.ts";

/** The operator's settings, by the names they have in the configuration. */
export interface SafetySettings {
  readonly safetyPolicy: SafetyPolicy;
  readonly safetyThreshold: number;
  readonly safetyClasses: readonly SafetyClass[];
  /** Whether pictures are checked that nobody asked to check. */
  readonly safetyAlways: boolean;
}

/** What is done with the pictures of one task once they are drawn. */
export interface Stages {
  /** Faces are looked for and drawn again. */
  readonly faces?: FaceSettings;
  /** Pictures are checked. */
  readonly safety?: SafetyStage;
  /** Laid over them at last. */
  readonly watermark?: Watermark;
}

/** What a task wants done, and the operator; `pictures` are those that the task refers to. */
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

/** What the stages found out about a picture. */
export interface Findings {
  /** Faces drawn again; only when they were looked for. */
  readonly faces?: number;
  /** Only when the picture was checked. */
  readonly safety?: SafetyReport;
  /** For the result; only when the check was asked for. */
  readonly NSFWContent?: boolean;
}
