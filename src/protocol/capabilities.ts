/** Which valid parameters the engine can run today. What it cannot is refused by name, never ignored. */

import type { ImageInferenceTask } from "./image-inference.ts";
import { TaskError } from "./task-error.ts";

/** Parts of the API beyond plain text to image. */
export const FEATURES = [
  "inputs.seedImage",
  "inputs.maskImage",
  "maskMargin",
  "outpaint",
  "lora",
  "controlNet",
  "acceleratorOptions",
  "safety",
  "advancedFeatures.ultralytics",
] as const;

export type Feature = (typeof FEATURES)[number];

/** What the engine behind a server can do. */
export interface Capabilities {
  readonly features: readonly Feature[];
}

/** What this version's engine can do. */
export const CAPABILITIES: Capabilities = {
  features: [
    "inputs.seedImage",
    "inputs.maskImage",
    "maskMargin",
    "outpaint",
    "lora",
    "controlNet",
    "acceleratorOptions",
    "safety",
    "advancedFeatures.ultralytics",
  ],
};

const IN_USE: Readonly<Record<Feature, (task: ImageInferenceTask) => boolean>> = {
  "inputs.seedImage": (task) => task.inputs?.seedImage !== undefined,
  "inputs.maskImage": (task) => task.inputs?.maskImage !== undefined,
  maskMargin: (task) => task.maskMargin !== undefined,
  outpaint: (task) => task.outpaint !== undefined,
  lora: (task) => task.lora !== undefined,
  controlNet: (task) => task.controlNet !== undefined,
  // Thresholds and windows without a cache that is switched on change nothing.
  acceleratorOptions: ({ acceleratorOptions: options }) =>
    options !== undefined && (options.teaCache || options.fbCache || options.dbCache),
  safety: (task) => task.safety !== undefined && task.safety.mode !== "none",
  "advancedFeatures.ultralytics": (task) => task.advancedFeatures?.ultralytics !== undefined,
};

/** One `notImplemented` for each thing a task uses that the engine cannot do yet. */
export function capabilityErrors(task: ImageInferenceTask, { features }: Capabilities): TaskError[] {
  return FEATURES.filter((feature) => !features.includes(feature) && IN_USE[feature](task)).map(
    (feature) => new TaskError("notImplemented", { parameter: feature }, { parameter: feature }),
  );
}
