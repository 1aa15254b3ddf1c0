import { distance } from "fastest-levenshtein";
import type { z } from "zod";
import { describeField, valueFromText } from "../fields/index.ts";
import { SETTINGS, type SettingName } from "./settings.ts";

/** A setting that cannot be used; the message names it, what was given and what is allowed. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** All settings of a server. */
export type Config = {
  readonly [Name in SettingName]: z.output<(typeof SETTINGS)[Name]["field"]>;
};

/** Variables that begin like ours and belong to the tests. */
const FOR_TESTS = "INKSTONE_TEST_";

/** Reads the settings: flags first, then the environment, then defaults. Throws `ConfigError`, for unknown `INKSTONE_…` too. */
export function readConfig(
  flags: Readonly<Partial<Record<SettingName, string>>> = {},
  env: Readonly<Record<string, string | undefined>> = {},
): Config {
  refuseUnknown(env);
  const entries = Object.entries(SETTINGS).map(([name, { env: variable, flag, field }]) => {
    const fromFlag = flags[name as SettingName];
    const given = fromFlag ?? env[variable];
    if (given === undefined || given === "") return [name, field.parse(undefined)];
    const facts = describeField(field);
    const read = field.safeParse(valueFromText(facts, given));
    if (read.success) return [name, read.data];
    const source = fromFlag === undefined || flag === undefined ? variable : `--${flag}`;
    const value = facts.secret ? "cannot be used" : `is ${JSON.stringify(given)}`;
    throw new ConfigError(`${source} ${value}; it must be ${facts.rule}`);
  });
  return Object.freeze(Object.fromEntries(entries)) as Config;
}

function refuseUnknown(env: Readonly<Record<string, string | undefined>>): void {
  const known = Object.values(SETTINGS).map((setting) => setting.env);
  for (const [name, value] of Object.entries(env)) {
    if (!value || !name.startsWith("INKSTONE_") || name.startsWith(FOR_TESTS) || known.includes(name)) continue;
    const nearest = known.reduce((best, next) => (distance(name, next) < distance(name, best) ? next : best));
    throw new ConfigError(
      `${name} is no setting of Inkstone; did you mean ${nearest}? docs/configuration.md has them all`,
    );
  }
}
