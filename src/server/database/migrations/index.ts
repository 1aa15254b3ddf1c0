import { tasks } from "./0001-tasks.ts";
import { skippedSteps } from "./0002-skipped-steps.ts";
import { inputImage } from "./0003-input-image.ts";
import { lanes } from "./0004-lanes.ts";
import { abandoned } from "./0005-abandoned.ts";
import type { Migration } from "./migration.ts";

export type { Migration };

export const migrations: readonly Migration[] = [tasks, skippedSteps, inputImage, lanes, abandoned];
