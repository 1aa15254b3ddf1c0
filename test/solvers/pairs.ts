import { SCHEDULERS, type Scheduler } from "../../src/engine/index.ts";

/** One scheduler for each pair of solver and spacing: the others are the same under another name. */
export const PAIRS: readonly Scheduler[] = SCHEDULERS.filter(
  ({ solver, spacing }, i) =>
    SCHEDULERS.findIndex((other) => other.solver === solver && other.spacing === spacing) === i,
);
