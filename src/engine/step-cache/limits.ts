import type { StepPlace } from "./cache.ts";
import type { CacheLimits } from "./params.ts";

/** Counts skipped steps and says when one must be computed whatever has changed. */
export interface SkipLimits {
  allows(place: StepPlace): boolean;
  /** To be told how each evaluation went: solvers of higher order have several in a step. */
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
