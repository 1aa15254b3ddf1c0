/** Is a picture safe to show? A classifier in a process of its own, and what is done with pictures that are not. */
export { createSafetyChecker, type SafetyChecker, type SafetyCheckerOptions, type SafetyReport } from "./checker.ts";
export { SAFETY_CLASSES, type SafetyClass, type SafetyScores } from "./classes.ts";
export {
  DEFAULT_SAFETY_RULE,
  isUnsafe,
  SAFETY_POLICIES,
  type SafetyPolicy,
  type SafetyRule,
  treatment,
} from "./policy.ts";
