/** JSON that keeps every digit of an integer: seeds go up to 2⁶³, a JavaScript number is exact only up to 2⁵³. */

const LONG_INTEGER = /\d{16}/;
const INTEGER = /^-?\d+$/;

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;
const parse = JSON.parse as (text: string, reviver?: Reviver) => unknown;

/** Parses JSON text; integers that a number cannot hold exactly become `bigint`. Throws `SyntaxError` on anything else. */
export function parseJson(text: string): unknown {
  // The reviver visits every value, so it is used only where a long integer may be.
  if (!LONG_INTEGER.test(text)) return JSON.parse(text);
  try {
    return parse(text, keepDigits);
  } catch (error) {
    // The reviver recurses: input nested tens of thousands deep overflows the stack.
    if (error instanceof RangeError) throw new SyntaxError("The JSON is nested too deeply", { cause: error });
    throw error;
  }
}

/** Writes JSON; `bigint` values appear as plain integer literals. */
export function stringifyJson(value: unknown, space?: number): string {
  return JSON.stringify(value, (_key, item) => (typeof item === "bigint" ? rawJson(item) : item), space);
}

const keepDigits: Reviver = (_key, value, { source }) =>
  typeof value === "number" && !Number.isSafeInteger(value) && source !== undefined && INTEGER.test(source)
    ? BigInt(source)
    : value;

function rawJson(value: bigint): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(value.toString());
}
