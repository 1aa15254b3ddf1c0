/** Pictures inside of requests, as data URI or base64: taken out of the JSON before it is validated, so that they are held once, as bytes. */

import { createHash } from "node:crypto";
import { carriedBase64, IMAGE_KEY, isUuidV4 } from "../../protocol/index.ts";

/** Characters of a text that is no picture: more than any schema allows. */
const LONGEST_TEXT = 100_000;

/** The bytes of pictures by the imageUUID that stands in their place. */
export type InlinePictures = ReadonlyMap<string, Uint8Array>;

/**
 * Puts an imageUUID in the place of each inline picture of `json`, which is changed. The same bytes of the same owner have the same
 * imageUUID, so a task that is sent again is the same task. What is neither data URI nor base64 stays: the schema refuses it.
 */
export function takePictures(json: unknown, owner: string): InlinePictures {
  const pictures = new Map<string, Uint8Array>();
  const take = (key: string, value: unknown): unknown => {
    if (typeof value === "string") {
      const bytes = IMAGE_KEY.test(key) ? decode(value) : undefined;
      // What is no picture is refused by the schema; its beginning is enough for that.
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

/** The bytes of a data URI or of base64; undefined for a UUID, a URL and what is none of these. */
function decode(text: string): Uint8Array | undefined {
  if (isUuidV4(text) || /^https?:/i.test(text)) return undefined;
  const payload = carriedBase64(text);
  return payload === undefined ? undefined : Buffer.from(payload, "base64");
}

/** An imageUUID in the form of a UUID v4, drawn from what it names: the same bytes of the same owner are one image. */
export function contentUUID(owner: string, bytes: Uint8Array): string {
  const hash = createHash("sha256").update(owner).update("\0").update(bytes).digest().subarray(0, 16);
  hash[6] = (hash[6]! & 0x0f) | 0x40;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
