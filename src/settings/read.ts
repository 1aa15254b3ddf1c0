import type { Setting } from "./kinds.ts";
import { SETTINGS, type SettingName } from "./settings.ts";

/** A setting that cannot be used; the message names it, what was given and what is allowed. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** All settings of a server. */
export type Config = {
  readonly [Name in SettingName]: (typeof SETTINGS)[Name] extends Setting<infer Value> ? Value : never;
};

/** Reads the settings: flags first, then the environment, then defaults. Throws `ConfigError`. */
export function readConfig(
  flags: Readonly<Partial<Record<SettingName, string>>> = {},
  env: Readonly<Record<string, string | undefined>> = {},
): Config {
  const entries = Object.entries(SETTINGS).map(([name, setting]) => {
    const fromFlag = flags[name as SettingName];
    const given = fromFlag ?? env[setting.env];
    if (given === undefined || given === "") return [name, setting.fallback];
    const value = setting.read(given);
    if (value !== undefined) return [name, value];
    const source = fromFlag === undefined || setting.flag === undefined ? setting.env : `--${setting.flag}`;
    throw new ConfigError(`${source} is ${JSON.stringify(given)}; allowed is ${setting.rule}`);
  });
  return Object.freeze(Object.fromEntries(entries)) as Config;
}
