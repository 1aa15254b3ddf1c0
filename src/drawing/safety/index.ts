/** Is a picture safe to show? A classifier, and what is done with pictures that are not. */
export { checkPicture, PictureRefused, type SafetyReport, type SafetyStage } from "./check.ts";
export { openSafetyClassifier } from "./classifier.ts";
export {
  DEFAULT_SAFETY_RULE,
  SAFETY_CLASSES,
  SAFETY_POLICIES,
  type SafetyClass,
  type SafetyPolicy,
  type SafetyScores,
} from "./policy.ts";
