/** Fields specific to this API: seeds, and identifiers of models and images. */

import { z } from "zod";
import { field, fieldFacts, isUuidV4, isWebAddress } from "../fields/index.ts";

/** The largest seed, 2⁶³ - 1. */
const LARGEST_SEED = 2n ** 63n - 1n;

/** The largest accepted seed: the largest seed as JavaScript clients and the API page round it. */
export const MAX_SEED = 9_223_372_036_854_776_000n;

/** The seed of result `index` of a task. Seeds are consecutive, and each can be sent in a new task. */
export const resultSeed = (seed: bigint, index: number): bigint => (seed + BigInt(index)) % (MAX_SEED + 1n);

/** A seed for a task without one: uniform in the unsigned 32-bit range, from `random` in [0, 1). */
export const randomSeed = (random: () => number): bigint => BigInt(Math.floor(random() * 2 ** 32));

/** A seed: an integer with all its digits. */
export function seed(about: string) {
  const schema = z
    .union([z.int(), z.bigint()])
    .transform(BigInt)
    .refine((value) => value >= 0n && value <= MAX_SEED);
  const described = schema.meta({ description: about, type: "integer", minimum: 0, maximum: Number(LARGEST_SEED) });
  fieldFacts.add(described, {
    type: "integer",
    rule: `an integer value between 0 and ${LARGEST_SEED}`,
    about,
    min: 0,
    max: LARGEST_SEED,
  });
  return described;
}

const AIR = /^[A-Za-z0-9][\w.-]*:[A-Za-z0-9][\w.-]*@[A-Za-z0-9][\w.-]*$/;

/** The identifier of a model: `source:id@version`. */
export function air(about: string) {
  const schema = z.string().max(256).regex(AIR);
  return field(schema, {
    type: "string",
    rule: "a string value representing a valid AIR identifier (source:id@version)",
    about,
  });
}

/** A hexadecimal colour: `#F80` or `#FF8800`. The sign is optional. */
export function colour(about: string, { assumed }: { readonly assumed?: string } = {}) {
  return field(z.string().regex(/^#?([0-9a-f]{3}|[0-9a-f]{6})$/i), {
    type: "string",
    rule: "a colour as #RGB or #RRGGBB",
    about,
    assumed,
  });
}

const NOT_BASE64 = /[^A-Za-z0-9+/_\-\r\n]/;
/** Any media type, or none: the type is detected from the bytes. */
const DATA_URI = /^data:[^,]{0,200};base64,/i;

/**
 * An image by UUID, URL, data URI or base64. Only the form is checked here. The content is checked when the task runs.
 */
export function imageReference(about: string) {
  return field(z.string().min(1).refine(isImageReference), {
    type: "string",
    rule:
      "specified in one of the following formats: a UUID v4 of an uploaded or generated image, a data URI, base64 data, " +
      "or a public URL. Supported formats are: PNG, JPG, WEBP, AVIF, GIF, and TIFF",
    about,
    image: true,
  });
}

function isImageReference(value: string): boolean {
  if (isUuidV4(value)) return true;
  if (/^https?:/i.test(value)) return value.length <= 8192 && isWebAddress(value);
  return carriedBase64(value) !== undefined;
}

/** The base64 of an image in a task, bare or in a data URI of any media type; undefined for anything else. */
export function carriedBase64(value: string): string | undefined {
  const text = value.trimStart();
  const prefix = DATA_URI.exec(text)?.[0];
  if (/^data:/i.test(text) && prefix === undefined) return undefined;
  const payload = prefix === undefined ? text : text.slice(prefix.length).trimStart();
  // The smallest possible image is longer. A word such as "cat" is also valid base64.
  return payload.length >= 32 && isBase64(payload) ? payload : undefined;
}

/**
 * True for base64 on one line or several, padded or not, with optional trailing blanks. The check has two steps,
 * because a single pattern takes quadratic time on long runs of line breaks.
 */
function isBase64(text: string): boolean {
  const end = text.search(NOT_BASE64);
  return end < 0 || (end > 0 && /^={0,2}$/.test(text.slice(end).trimEnd()));
}
