/** The type of a setting, and builders for the kinds of settings. */

import type { z } from "zod";
import { flag, integer, oneOf } from "../fields/index.ts";

/** One setting: a field with its environment variable and, unless it is a secret, its flag. */
export interface Setting<Schema extends z.ZodType = z.ZodType> {
  readonly env: string;
  /** The long flag without dashes. Absent for secrets, which must not appear on a command line. */
  readonly flag: string | undefined;
  /** The form of a value, for help texts. */
  readonly shape: string;
  readonly field: Schema;
}

export const setting = <Schema extends z.ZodType>(env: string, shape: string, schema: Schema): Setting<Schema> => ({
  env,
  flag: env.replace("INKSTONE_", "").toLowerCase().replaceAll("_", "-"),
  shape,
  field: schema,
});

export const secretSetting = <Schema extends z.ZodType>(
  env: string,
  shape: string,
  schema: Schema,
): Setting<Schema> => ({
  ...setting(env, shape, schema),
  flag: undefined,
});

export const count = (env: string, fallback: number, min: number, max: number, about: string) =>
  setting(env, "N", integer(about, { min, max }).default(fallback));

export const truth = (env: string, fallback: boolean, about: string) =>
  setting(env, "true|false", flag(about).default(fallback));

export const choice = <const Values extends readonly [string, ...string[]]>(
  env: string,
  values: Values,
  fallback: NoInfer<Values[number]>,
  about: string,
) => setting(env, values.join("|"), oneOf(about, values).default(fallback as never));

/** Length limits of a text without closer limits. */
export const line = { min: 1, max: 4096 };
