import type { ImageInferenceTask } from "../protocol/index.ts";
import type { FaceDetector, FaceSettings } from "./faces/index.ts";
import type { SafetyChecker, SafetyPolicy, SafetyScores } from "./safety/index.ts";

/** Everything that can be done with a picture once it is drawn. Nothing is loaded before the first picture that needs it. */
export interface FinishingMeans {
  readonly detector: FaceDetector;
  readonly checker: SafetyChecker;
  readonly policy: SafetyPolicy;
  /** Whether pictures are checked that nobody asked to check. */
  readonly checkAll: boolean;
}

/** What is done with the pictures of one task. */
export interface Stages {
  /** Faces are looked for and drawn again. */
  readonly faces?: { readonly detector: FaceDetector; readonly settings: FaceSettings };
  /** Pictures are checked; `asked` says whether the result may be told. */
  readonly safety?: { readonly checker: SafetyChecker; readonly policy: SafetyPolicy; readonly asked: boolean };
}

/** What a task wants done, with the means at hand. */
export function stagesOf(task: ImageInferenceTask, means: FinishingMeans): Stages {
  const settings = task.advancedFeatures?.ultralytics;
  const asked = task.safety !== undefined && task.safety.mode !== "none";
  return {
    ...(settings && { faces: { detector: means.detector, settings } }),
    ...((asked || means.checkAll) && { safety: { checker: means.checker, policy: means.policy, asked } }),
  };
}

/** What the stages found out about a picture. */
export interface Findings {
  /** Faces drawn again; only when they were looked for. */
  readonly faces?: number;
  /** Only when the picture was checked. */
  readonly safety?: { readonly scores: SafetyScores; readonly flagged: boolean };
  /** For the result; only when the check was asked for. */
  readonly NSFWContent?: boolean;
}
