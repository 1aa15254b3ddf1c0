/** The operator's settings, by flag or environment variable. */
export { type Config, ConfigError, readConfig } from "./read.ts";
export { describeSetting, SETTING_GROUPS, SETTINGS, type SettingName } from "./settings.ts";
