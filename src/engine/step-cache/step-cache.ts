import type { AnyTensor } from "../../onnx/index.ts";
import type { Arithmetic } from "../arithmetic/arithmetic.ts";
import type { Pass } from "../transformer-chain.ts";
import type { CacheLimits } from "./params.ts";

/** Runs or skips the passes of one image under one condition (with or without the negative prompt), step by step. */
export interface StepCache {
  velocity(pass: Pass, step: StepPlace): Promise<{ velocity: AnyTensor; skipped: boolean }>;
  /** Frees what it remembers. */
  clear(): void;
}

/** The step of a pass, from 0 in the whole schedule. */
export interface StepPlace {
  readonly step: number;
  readonly last: boolean;
}

/** Counts skipped steps, and decides when a full one is due regardless of the change. */
export interface SkipLimits {
  allows(place: StepPlace): boolean;
  /** Records each evaluation. Solvers of higher order have several in a step. */
  record(skipped: boolean, place: StepPlace): void;
}

/** Starts counting for one image and condition. */
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

/** Counts the work that a cache skips in one image. */
export interface SkipTally {
  record(step: number, skipped: boolean): void;
  /**
   * Skipped passes, in steps. A step counts a half if one of its two guidance passes was skipped. For a solver with several evaluations
   * it counts their skipped share.
   */
  skippedSteps(): number;
}

/** Starts counting for one image. */
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

/** `after - before` */
export function difference({ roundedSum }: Arithmetic, after: AnyTensor, before: AnyTensor): Promise<AnyTensor> {
  return roundedSum([
    [1, after],
    [-1, before],
  ]);
}

/** `before + added` */
export function sum({ roundedSum }: Arithmetic, before: AnyTensor, added: AnyTensor): Promise<AnyTensor> {
  return roundedSum([
    [1, before],
    [1, added],
  ]);
}
