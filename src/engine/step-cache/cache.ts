import type { Pass } from "../transformer-chain.ts";

/** Answers the passes of one picture under one condition (with or without the negative prompt), step after step. */
export interface StepCache {
  velocity(pass: Pass, step: StepPlace): Promise<{ velocity: Float32Array; skipped: boolean }>;
}

/** Which step a pass belongs to, counted from 0 in the whole schedule. */
export interface StepPlace {
  readonly step: number;
  readonly last: boolean;
}
