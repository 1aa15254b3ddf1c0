/** JSON that keeps every digit of a seed: seeds go up to 2⁶³, but a number is exact up to 2⁵³ only. */

type Reviver = (key: string, value: unknown, context?: { readonly source?: string }) => unknown;
const parse = JSON.parse as (text: string, reviver: Reviver) => unknown;

/** A JSON value. Long integers are bigint. */
export type Json = string | number | bigint | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** Parses JSON text. Integers that a number cannot represent exactly become `bigint`. Throws `SyntaxError`. */
export function parseJson<Value = Json>(text: string): Value {
  return parse(text, (_key, value, context) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
      ? BigInt(context!.source!)
      : value,
  ) as Value;
}

/** Marks a bigint in JSON text. It is a private-use character, so that no user text contains it. */
const MARK = "\uE17D";

/** Writes JSON. `bigint` values become plain integers. (Some browsers do not have `JSON.rawJSON` yet.) */
export function stringifyJson(value: unknown, space?: number): string {
  const text = JSON.stringify(
    value,
    (_key, item) => (typeof item === "bigint" ? `${MARK}${item}${MARK}` : item),
    space,
  );
  return text.replaceAll(new RegExp(`"${MARK}(-?\\d+)${MARK}"`, "g"), "$1");
}
