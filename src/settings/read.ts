import type { z } from "zod";
import { describeField, nearestWord, valueFromText } from "../fields/index.ts";
import { fileVariable, readSecret } from "./secret-files.ts";
import type { Setting } from "./setting.ts";
import { SETTINGS, type SettingName } from "./settings.ts";

/** A setting with an invalid value. The message names the setting, the value and the allowed values. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** All settings of a server. */
export type Config = {
  readonly [Name in SettingName]: z.output<(typeof SETTINGS)[Name]["field"]>;
};

/** Variables with this prefix belong to the tests. */
const FOR_TESTS = "INKSTONE_TEST_";

/**
 * Reads the settings: flags first, then the environment or secret files, then defaults. Throws `ConfigError`, also for
 * unknown `INKSTONE_…` variables.
 */
export function readConfig(
  flags: Readonly<Partial<Record<SettingName, string>>> = {},
  env: Readonly<Record<string, string | undefined>> = {},
): Config {
  refuseUnknown(env);
  const entries = Object.entries(SETTINGS).map(([name, setting]) => {
    const { field } = setting;
    const given = givenValue(setting, flags[name as SettingName], env);
    if (given === undefined) return [name, field.parse(undefined)];
    const facts = describeField(field);
    const read = field.safeParse(valueFromText(facts, given.value));
    if (read.success) return [name, read.data];
    const value = facts.secret ? "is invalid" : `is ${JSON.stringify(given.value)}`;
    throw new ConfigError(`${given.source} ${value}; it must be ${facts.rule}`);
  });
  return Object.freeze(Object.fromEntries(entries)) as Config;
}

/** The value that the operator set, and its source. A flag wins over a variable. An empty value counts as not set. */
function givenValue(
  { env: variable, flag }: Setting,
  fromFlag: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): { readonly source: string; readonly value: string } | undefined {
  if (flag !== undefined) {
    if (fromFlag) return { source: `--${flag}`, value: fromFlag };
    const value = fromFlag ?? env[variable];
    return value ? { source: variable, value } : undefined;
  }
  try {
    return fromFlag ? { source: variable, value: fromFlag } : readSecret(variable, env);
  } catch (error) {
    throw new ConfigError((error as Error).message);
  }
}

function refuseUnknown(env: Readonly<Record<string, string | undefined>>): void {
  const known = Object.values(SETTINGS).flatMap(({ env: variable, flag }) =>
    flag === undefined ? [variable, fileVariable(variable)] : [variable],
  );
  for (const [name, value] of Object.entries(env)) {
    if (!value || !name.startsWith("INKSTONE_") || name.startsWith(FOR_TESTS) || known.includes(name)) continue;
    const nearest = nearestWord(name, known);
    const guess = nearest === undefined ? "" : ` did you mean ${nearest}?`;
    throw new ConfigError(
      `${name} is not a setting of Inkstone;${guess} docs/reference/configuration.md lists all settings`,
    );
  }
}
