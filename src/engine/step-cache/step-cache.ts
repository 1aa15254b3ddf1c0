import type { Pass } from "../transformer-chain.ts";
import type { CacheLimits } from "./params.ts";

/** Answers the passes of one picture under one condition (with or without the negative prompt), step after step. */
export interface StepCache {
  velocity(pass: Pass, step: StepPlace): Promise<{ velocity: Float32Array; skipped: boolean }>;
}

/** Which step a pass belongs to, counted from 0 in the whole schedule. */
export interface StepPlace {
  readonly step: number;
  readonly last: boolean;
}

/** Counts skipped steps and says when one must be computed whatever has changed. */
export interface SkipLimits {
  allows(place: StepPlace): boolean;
  /** How each evaluation went: solvers of higher order have several in a step. */
  record(skipped: boolean, place: StepPlace): void;
}

export function skipLimits({
  start = 0,
  end = Number.POSITIVE_INFINITY,
  maxConsecutive = Number.POSITIVE_INFINITY,
}: CacheLimits): SkipLimits {
  let skippedInARow = 0; // steps
  let lastSkipped: number | undefined;
  return {
    allows: ({ step }) => step >= start && step < end && (step === lastSkipped || skippedInARow < maxConsecutive),
    record(skipped, { step }) {
      if (!skipped) skippedInARow = 0;
      else if (step !== lastSkipped) skippedInARow++;
      lastSkipped = skipped ? step : undefined;
    },
  };
}

/** Counts how much of the transformer's work a cache spared in one picture. */
export interface SkipTally {
  record(step: number, skipped: boolean): void;
  /**
   * Steps' worth of passes that were skipped: a half for a step that skipped only one of its two guidance passes, or the
   * share of a solver's evaluations within the step.
   */
  skippedSteps(): number;
}

export function skipTally(): SkipTally {
  const steps = new Map<number, { passes: number; skipped: number }>();
  return {
    record(step, skipped) {
      const tally = steps.get(step) ?? { passes: 0, skipped: 0 };
      tally.passes++;
      if (skipped) tally.skipped++;
      steps.set(step, tally);
    },
    skippedSteps: () => [...steps.values()].reduce((sum, { passes, skipped }) => sum + skipped / passes, 0),
  };
}

/** `mean|a - b| / mean|b|` over all values: how much a is changed from b. */
export function relativeChange(a: Float32Array, b: Float32Array): number {
  let change = 0;
  let size = 0;
  for (let i = 0; i < b.length; i++) {
    change += Math.abs(a[i]! - b[i]!);
    size += Math.abs(b[i]!);
  }
  return change / size;
}

export function difference(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((x, i) => x - b[i]!);
}

export function sum(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((x, i) => x + b[i]!);
}
