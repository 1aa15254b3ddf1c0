/** What a setting may be: how its text is read, and what is said of it in help texts and messages. */

/** One setting. */
export interface Setting<Value> {
  readonly env: string;
  /** The long flag without dashes; absent for secrets, which do not belong on a command line. */
  readonly flag?: string;
  /** What a value looks like, for help texts. */
  readonly shape: string;
  readonly about: string;
  readonly fallback: Value;
  read(text: string): Value | undefined;
  readonly rule: string;
}

type Names = { readonly env: string; readonly flag?: string | false };

const flagOf = ({ env, flag }: Names) =>
  flag === false ? {} : { flag: flag ?? env.replace("INKSTONE_", "").toLowerCase().replaceAll("_", "-") };

/** A whole number in a range. */
export const whole = (env: string, fallback: number, min: number, max: number, about: string): Setting<number> => ({
  env,
  ...flagOf({ env }),
  shape: "N",
  about,
  fallback,
  rule: `a whole number from ${min} to ${max}`,
  read: (text) => (/^\d+$/.test(text) && Number(text) >= min && Number(text) <= max ? Number(text) : undefined),
});

/** A number from 0 to 1. */
export const share = (env: string, fallback: number, about: string): Setting<number> => ({
  env,
  ...flagOf({ env }),
  shape: "0…1",
  about,
  fallback,
  rule: "a number from 0 to 1",
  read: (text) => (/^(\d+\.?\d*|\.\d+)$/.test(text) && Number(text) <= 1 ? Number(text) : undefined),
});

/** One or more of these words. */
export const someOf = <const Value extends string>(
  env: string,
  values: readonly Value[],
  fallback: readonly Value[],
  about: string,
): Setting<readonly Value[]> => ({
  env,
  ...flagOf({ env }),
  shape: "NAME,NAME,…",
  about,
  fallback,
  rule: `one or more of ${values.join(", ")}, separated by commas`,
  read(text) {
    const given = text.split(",").map((word) => values.find((value) => value === word.trim()));
    return given.every((value) => value !== undefined) ? [...new Set(given)] : undefined;
  },
});

/** Any number of words, separated by commas. */
export const words = (names: Names, shape: string, about: string): Setting<readonly string[]> => ({
  env: names.env,
  ...flagOf(names),
  shape,
  about,
  fallback: [],
  rule: "a list separated by commas",
  read: (text) =>
    text
      .split(",")
      .map((word) => word.trim())
      .filter(Boolean),
});

/** Yes or no. */
export const flag = (env: string, fallback: boolean, about: string): Setting<boolean> => ({
  env,
  ...flagOf({ env }),
  shape: "true|false",
  about,
  fallback,
  rule: "true or false",
  read: (text) => ({ true: true, "1": true, false: false, "0": false })[text.toLowerCase()],
});

/** One of these words. */
export const oneOf = <const Value extends string>(
  env: string,
  values: readonly Value[],
  fallback: Value,
  about: string,
): Setting<Value> => ({
  env,
  ...flagOf({ env }),
  shape: values.join("|"),
  about,
  fallback,
  rule: `one of ${values.join(", ")}`,
  read: (text) => values.find((value) => value === text),
});

/** Any text. */
export function text(names: Names, shape: string, fallback: string, about: string): Setting<string>;
export function text(names: Names, shape: string, fallback: undefined, about: string): Setting<string | undefined>;
export function text(
  names: Names,
  shape: string,
  fallback: string | undefined,
  about: string,
): Setting<string | undefined> {
  return { env: names.env, ...flagOf(names), shape, about, fallback, rule: "a non-empty text", read: (given) => given };
}

/** An http or https URL, without slashes at its end. */
export const webAddress = (env: string, about: string): Setting<string | undefined> => ({
  env,
  ...flagOf({ env }),
  shape: "URL",
  about,
  fallback: undefined,
  rule: "an http or https URL",
  read: (given) =>
    URL.canParse(given) && /^https?:$/.test(new URL(given).protocol) ? given.replace(/\/+$/, "") : undefined,
});
