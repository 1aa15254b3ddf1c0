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
