/** Flags of settings. Their names, descriptions, defaults and checks come from the table of settings. */

import { type Command, Option } from "commander";
import {
  type Config,
  describeSetting,
  readConfig,
  SETTINGS,
  type Setting,
  type SettingName,
} from "../settings/index.ts";

/** Words of a command that replace those of the table. */
export type SettingWords = Partial<Record<"shape" | "about", string>>;

/** Adds the flags of these settings to a command. */
export function withSettings(command: Command, ...names: readonly SettingName[]): Command {
  for (const name of names) command.addOption(settingFlag(name));
  return command;
}

export function settingFlag(name: SettingName, words: SettingWords = {}): Option {
  const setting: Setting = SETTINGS[name];
  const { about, otherwise } = describeSetting(setting);
  const { shape = setting.shape, about: said = about } = words;
  return new Option(
    `--${setting.flag} <${shape}>`,
    `${said}${otherwise && ` (default: ${otherwise})`} [${setting.env}]`,
  );
}

/** The location of S3 buckets. */
export const BUCKET = ["s3Endpoint", "s3Region", "s3PathStyle"] as const;

/** The settings with flags. Secrets have none. */
export const FLAGGED = (Object.keys(SETTINGS) as SettingName[]).filter((name) => SETTINGS[name].flag !== undefined);

/**
 * The settings. For those in `names`, a given flag wins over the environment and the default.
 *
 * @throws ConfigError with the name of the invalid setting
 */
export function settingsFrom(
  given: Readonly<Record<string, unknown>>,
  names: readonly SettingName[],
  env: NodeJS.ProcessEnv,
): Config {
  const flags = names.map((name) => [name, given[settingFlag(name).attributeName()]] as const);
  return readConfig(Object.fromEntries(flags), env);
}
