/** Flags that stand for settings: name, sentence, default and check come from the table of settings. */

import { type Command, Option } from "commander";
import {
  type Config,
  describeSetting,
  readConfig,
  SETTINGS,
  type Setting,
  type SettingName,
} from "../settings/index.ts";

/** What a command says of a setting in words that differ from the table's. */
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

/** Where S3 buckets are. */
export const BUCKET = ["s3Endpoint", "s3Region", "s3PathStyle"] as const;

/** The settings that have flags; secrets have none. */
export const FLAGGED = (Object.keys(SETTINGS) as SettingName[]).filter((name) => SETTINGS[name].flag !== undefined);

/**
 * The settings: of those that are named the flag, where it is given; else the environment; else the default.
 * @throws ConfigError naming what cannot be used
 */
export function settingsFrom(
  given: Readonly<Record<string, unknown>>,
  names: readonly SettingName[],
  env: NodeJS.ProcessEnv,
): Config {
  const flags = names.map((name) => [name, given[settingFlag(name).attributeName()]] as const);
  return readConfig(Object.fromEntries(flags), env);
}
