/**
 * Images inside requests, as data URI or base64. They are moved out of the JSON before validation, so that they are in
 * memory once, as bytes.
 */

import { createHash } from "node:crypto";
import { carriedBase64, IMAGE_KEY, isUuidV4 } from "../../protocol/index.ts";

/** Longest text that is not an image. No schema allows more characters. */
const LONGEST_TEXT = 100_000;

/** The bytes of images by the imageUUID that replaces them. */
export type InlinePictures = ReadonlyMap<string, Uint8Array>;

/**
 * Replaces each inline image in `json` with an imageUUID and changes `json`. The same bytes of the same owner have the
 * same imageUUID, so a repeated task is the same task. Other values stay, and the schema rejects them.
 */
export function takePictures(json: unknown, owner: string): InlinePictures {
  const pictures = new Map<string, Uint8Array>();
  const take = (key: string, value: unknown): unknown => {
    if (typeof value === "string") {
      const bytes = IMAGE_KEY.test(key) ? decode(value) : undefined;
      // The schema rejects texts that are not images. The beginning is enough for its message.
      if (bytes === undefined) return value.length > LONGEST_TEXT ? `${value.slice(0, 100)}…` : value;
      const imageUUID = contentUUID(owner, bytes);
      pictures.set(imageUUID, bytes);
      return imageUUID;
    }
    if (Array.isArray(value)) {
      for (const [i, item] of value.entries()) value[i] = take(key, item);
    } else if (typeof value === "object" && value !== null) {
      const object = value as Record<string, unknown>;
      for (const name of Object.keys(object)) if (name !== "__proto__") object[name] = take(name, object[name]);
    }
    return value;
  };
  take("", json);
  return pictures;
}

/** The bytes of a data URI or of base64; undefined for a UUID, a URL or any other text. */
function decode(text: string): Uint8Array | undefined {
  if (isUuidV4(text) || /^https?:/i.test(text)) return undefined;
  const payload = carriedBase64(text);
  return payload === undefined ? undefined : Buffer.from(payload, "base64");
}

/**
 * An imageUUID in the form of a UUID v4, derived from owner and bytes. The same bytes of the same owner are one image.
 */
export function contentUUID(owner: string, bytes: Uint8Array): string {
  const hash = createHash("sha256").update(owner).update("\0").update(bytes).digest().subarray(0, 16);
  hash[6] = (hash[6]! & 0x0f) | 0x40;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
