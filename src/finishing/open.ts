import { createFaceDetector } from "../faces/index.ts";
import { createSafetyChecker, type SafetyClass, type SafetyPolicy } from "../safety/index.ts";
import type { FinishingMeans } from "./stages.ts";

/** The operator's settings, by the names they have in the configuration. */
export interface FinishingSettings {
  readonly safetyPolicy: SafetyPolicy;
  readonly safetyThreshold: number;
  readonly safetyClasses: readonly SafetyClass[];
  readonly safetyAlways: boolean;
  readonly faceModel?: string | undefined;
  /** Seconds. */
  readonly helperIdle: number;
}

/** Makes the means ready; nothing is loaded yet. Whoever opens them stops both. */
export function openFinishing(settings: FinishingSettings): FinishingMeans {
  const { safetyPolicy, safetyThreshold, safetyClasses, safetyAlways, faceModel, helperIdle } = settings;
  const idleMs = helperIdle * 1000;
  return {
    detector: createFaceDetector({ idleMs, ...(faceModel !== undefined && { yoloFile: faceModel }) }),
    checker: createSafetyChecker({ idleMs, threshold: safetyThreshold, classes: safetyClasses }),
    policy: safetyPolicy,
    checkAll: safetyAlways,
  };
}
