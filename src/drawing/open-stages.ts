import { statSync } from "node:fs";
import { createFaceDetector } from "./faces/index.ts";
import { createSafetyChecker, type SafetyClass, type SafetyPolicy } from "./safety/index.ts";
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

/**
 * Makes the means ready; nothing is loaded yet. Whoever opens them stops both.
 * @throws Error naming the setting when the face network's file is not there
 */
export function openFinishing(settings: FinishingSettings): FinishingMeans {
  const { safetyPolicy, safetyThreshold, safetyClasses, safetyAlways, faceModel, helperIdle } = settings;
  if (faceModel !== undefined && !statSync(faceModel, { throwIfNoEntry: false })?.isFile()) {
    throw new Error(`INKSTONE_FACE_MODEL is ${JSON.stringify(faceModel)}; there is no such file`);
  }
  const idleMs = helperIdle * 1000;
  return {
    detector: createFaceDetector({ idleMs, ...(faceModel !== undefined && { yoloFile: faceModel }) }),
    checker: createSafetyChecker({ idleMs, threshold: safetyThreshold, classes: safetyClasses }),
    policy: safetyPolicy,
    checkAll: safetyAlways,
  };
}
