import { parseJson } from "../api/json.ts";
import type { Parameters } from "../api/types.ts";

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

const unescaped = (text: string): string =>
  text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) =>
    name === undefined
      ? String.fromCodePoint(hex ? Number.parseInt(hex, 16) : Number(decimal))
      : (ENTITIES[name] ?? whole),
  );

/** The task in an XMP packet of Inkstone. */
export function fromInkstone(xmp: string): Parameters | undefined {
  const text = /<inkstone:parameters>([^<]*)<\/inkstone:parameters>/.exec(xmp)?.[1];
  if (text === undefined) return undefined;
  try {
    const value = parseJson(unescaped(text));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Parameters) : undefined;
  } catch {
    return undefined;
  }
}
