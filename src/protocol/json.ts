/** JSON that keeps every digit of an integer. Seeds go up to 2⁶³; a JavaScript number is exact only up to 2⁵³. */

const LONG_INTEGER = /\d{16}/;
const INTEGER = /^-?\d+$/;

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;
const parse = JSON.parse as (text: string, reviver?: Reviver) => unknown;

/**
 * Parses JSON. Integers that a number cannot hold exactly become `bigint`. Bytes are UTF-8; a byte order mark is
 * skipped.
 * @throws SyntaxError with the problem, its line and its column
 */
export function parseJson(given: string | Uint8Array): unknown {
  const text = typeof given === "string" ? given.replace(/^\uFEFF/, "") : fromUtf8(given);
  try {
    // The reviver visits every value, so it is used only if the text contains a long integer.
    return LONG_INTEGER.test(text) ? parse(text, keepDigits) : JSON.parse(text);
  } catch (cause) {
    // The reviver recurses: input nested tens of thousands deep overflows the stack.
    if (cause instanceof RangeError) throw new SyntaxError("it is nested too deeply", { cause });
    if (cause instanceof SyntaxError) throw new SyntaxError(whereBroken(text), { cause });
    throw cause;
  }
}

/** Writes JSON. `bigint` values become plain integer literals. */
export function stringifyJson(value: unknown, space?: number): string {
  return JSON.stringify(value, (_key, item) => (typeof item === "bigint" ? rawJson(item) : item), space);
}

function fromUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new SyntaxError("its bytes are not UTF-8", { cause });
  }
}

const keepDigits: Reviver = (_key, value, { source }) =>
  typeof value === "number" && !Number.isSafeInteger(value) && source !== undefined && INTEGER.test(source)
    ? BigInt(source)
    : value;

function rawJson(value: bigint): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(value.toString());
}

/** Describes the place where parsing failed. JSON.parse includes a position only in some of its messages. */
function whereBroken(text: string): string {
  const at = brokenAt(text);
  const before = text.slice(0, at);
  const line = before.split("\n").length;
  const column = at - before.lastIndexOf("\n");
  const what = at >= text.length ? "it ends too early" : `unexpected ${JSON.stringify(characterAt(text, at))}`;
  return `line ${line}, column ${column}: ${what}`;
}

const characterAt = (text: string, at: number): string => String.fromCodePoint(text.codePointAt(at)!).toWellFormed();

const BLANK = /[ \t\n\r]*/y;
const WORD = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** The position of the first character that is not valid JSON. */
function brokenAt(text: string): number {
  const open: string[] = [];
  let next: "value" | "first value" | "key" | "first key" | "colon" | "more" = "value";
  let at = 0;
  const skip = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0].length ?? 0;
    at += found;
    return found > 0;
  };
  for (;;) {
    skip(BLANK);
    const character = text[at];
    if (character === undefined || (next === "more" && open.length === 0)) return at;
    const closes = character === (open.at(-1) === "{" ? "}" : "]") && open.length > 0;
    if (closes && (next === "more" || next === "first value" || next === "first key")) {
      open.pop();
      next = "more";
      at++;
    } else if (next === "more" && character === ",") {
      next = open.at(-1) === "{" ? "key" : "value";
      at++;
    } else if (next === "colon" && character === ":") {
      next = "value";
      at++;
    } else if ((next === "key" || next === "first key") && character === '"') {
      const end = endOfString(text, at);
      if (end.broken) return end.at;
      at = end.at;
      next = "colon";
    } else if (next === "value" || next === "first value") {
      if (character === "{" || character === "[") {
        open.push(character);
        next = character === "{" ? "first key" : "first value";
        at++;
      } else if (character === '"') {
        const end = endOfString(text, at);
        if (end.broken) return end.at;
        at = end.at;
        next = "more";
      } else if (skip(WORD)) next = "more";
      else return at;
    } else return at;
  }
}

/** The position after the closing quote of a string, or the position at which the string is broken. */
function endOfString(text: string, start: number): { readonly at: number; readonly broken: boolean } {
  for (let at = start + 1; at < text.length; at++) {
    const character = text[at]!;
    if (character === '"') return { at: at + 1, broken: false };
    if (character < " ") return { at, broken: true };
    if (character !== "\\") continue;
    at++;
    const escaped = /["\\/bfnrt]|u[0-9a-fA-F]{4}/y;
    escaped.lastIndex = at;
    const length = escaped.exec(text)?.[0].length;
    if (length === undefined) return { at: Math.min(at, text.length), broken: true };
    at += length - 1;
  }
  return { at: text.length, broken: true };
}
