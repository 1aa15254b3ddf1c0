import type { Json } from "../api/json.ts";
import type { Parameters } from "../api/types.ts";

/** A seed from text or number; undefined for any other value. */
export function seedOf(value: unknown): number | bigint | undefined {
  const text = String(value ?? "");
  if (!/^\d{1,19}$/.test(text)) return undefined;
  const seed = BigInt(text);
  return seed <= Number.MAX_SAFE_INTEGER ? Number(seed) : seed;
}

/** Removes values that are missing, not finite or empty. */
export function withoutUnknown(values: Readonly<Record<string, Json | undefined>>): Parameters {
  const known = Object.entries(values).filter(
    ([, value]) => value !== undefined && value !== "" && !(typeof value === "number" && !Number.isFinite(value)),
  );
  return Object.fromEntries(known) as Parameters;
}
