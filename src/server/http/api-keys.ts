/** API keys: only their hashes are kept, and every comparison takes the same time. */

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { OwnerId } from "../tasks/index.ts";

/** A key as it is remembered. */
export interface KnownKey {
  /** Names the owner of tasks; never changes. */
  readonly id: OwnerId;
  readonly name: string;
  /** The first characters, to tell keys apart in lists. */
  readonly hint: string;
  /** SHA-256 in hex. Keys are 256 random bits, so a slow hash would add nothing. */
  readonly hash: string;
  readonly createdAt: string;
}

/** The keys that may call. */
export interface KeyRing {
  /** The known keys, read anew when they have changed. */
  list(): Promise<readonly KnownKey[]>;
}

/** A new random key. */
export const newKey = (): string => `ink_${randomBytes(32).toString("base64url")}`;

export const hashKey = (key: string): string => createHash("sha256").update(key).digest("hex");

/** What is remembered of a key. */
export const remember = (key: string, facts: { id: OwnerId; name: string; createdAt: string }): KnownKey => ({
  ...facts,
  // Of short keys, which people choose themselves, a quarter at most.
  hint: key.slice(0, Math.min(8, Math.floor(key.length / 4))),
  hash: hashKey(key),
});

/** The known key that `key` is. Looks at all of them, whichever fits. */
export function findKey(keys: readonly KnownKey[], key: string): KnownKey | undefined {
  const given = Buffer.from(hashKey(key), "hex");
  let found: KnownKey | undefined;
  for (const known of keys) if (timingSafeEqual(Buffer.from(known.hash, "hex"), given)) found = known;
  return found;
}

/** Keys of the settings and of a key file, together. */
export function createKeyRing(configured: readonly string[], stored: KeyRing): KeyRing {
  const fixed = configured.map((key, index) =>
    remember(key, { id: `key-${hashKey(key).slice(0, 16)}`, name: `setting ${index + 1}`, createdAt: "" }),
  );
  return { list: async () => [...fixed, ...(await stored.list())] };
}
