import type { StepPlace } from "./cache.ts";
import type { CacheLimits } from "./params.ts";

/** Counts skipped steps and says when one must be computed whatever has changed. */
export interface SkipLimits {
  allows(place: StepPlace): boolean;
  /** To be told how each step went. */
  record(skipped: boolean): void;
}

export function skipLimits({
  start = 0,
  end = Number.POSITIVE_INFINITY,
  maxConsecutive = Number.POSITIVE_INFINITY,
}: CacheLimits): SkipLimits {
  let skippedInARow = 0;
  return {
    allows: ({ step }) => step >= start && step < end && skippedInARow < maxConsecutive,
    record(skipped) {
      skippedInARow = skipped ? skippedInARow + 1 : 0;
    },
  };
}
