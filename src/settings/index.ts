/** The operator's settings, given as flags or environment variables. */
export { type Config, ConfigError, readConfig } from "./read.ts";
export {
  DEFAULT_SAFETY_RULE,
  SAFETY_CLASSES,
  SAFETY_POLICIES,
  type SafetyClass,
  type SafetyPolicy,
  type SafetyRule,
  type SafetyScores,
} from "./safety.ts";
export type { Setting } from "./setting.ts";
export { describeSetting, SETTING_GROUPS, SETTINGS, type SettingName } from "./settings.ts";
