import type { RgbImage } from "../../pictures/index.ts";
import { createLazyProcess, programBeside } from "../lazy-process/index.ts";
import type { SafetyScores } from "./classes.ts";
import { DEFAULT_SAFETY_RULE, isUnsafe, type SafetyRule } from "./policy.ts";

export interface SafetyCheckerOptions extends Partial<SafetyRule> {
  /** Milliseconds without a check after which the classifier is unloaded. Default one minute. */
  readonly idleMs?: number;
}

export interface SafetyReport {
  readonly scores: SafetyScores;
  /** Whether the scores break the rule. */
  readonly flagged: boolean;
}

/** Checks pictures in a process of its own, which starts with the first check and ends when idle. */
export interface SafetyChecker {
  /**
   * @throws ProcessLost when the process ended first; the check may be repeated
   * @throws the reason of `signal`
   */
  check(image: RgbImage, signal?: AbortSignal): Promise<SafetyReport>;
  /** The process's id while it runs. */
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

export function createSafetyChecker(options: SafetyCheckerOptions = {}): SafetyChecker {
  const { idleMs, ...given } = options;
  const rule = { ...DEFAULT_SAFETY_RULE, ...given };
  const classifier = createLazyProcess<RgbImage, SafetyScores>(
    programBeside(import.meta.url, "classifier-child"),
    idleMs === undefined ? {} : { idleMs },
  );
  return {
    async check({ width, height, pixels }, signal) {
      const scores = await classifier.call({ width, height, pixels }, signal);
      return { scores, flagged: isUnsafe(scores, rule) };
    },
    get pid() {
      return classifier.pid;
    },
    stop: () => classifier.stop(),
  };
}
