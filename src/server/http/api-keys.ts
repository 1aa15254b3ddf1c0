/**
 * API keys: those of the settings, and those of `inkstone keys` in the shared database or in a file of the data folder.
 * A running server reads that file again when it changes. Only hashes are stored, and every comparison takes the same
 * time.
 */

import { createHash, randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import { mkdir, open, readFile, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import type { OwnerId } from "../tasks/index.ts";

/** The limits of a key that differ from the settings. */
export interface KeyLimits {
  /** Most waiting tasks. */
  readonly maxWaiting?: number | undefined;
  /** Most megabytes of stored images; 0: no limit. */
  readonly maxStoredMB?: number | undefined;
}

/** A stored key. */
export interface KnownKey extends KeyLimits {
  /** The id of the owner of tasks. Never changes. */
  readonly id: OwnerId;
  readonly name: string;
  /** The first characters, which identify the key in lists. */
  readonly hint: string;
  /** SHA-256 in hex. Keys are 256 random bits, so a slow hash would add nothing. */
  readonly hash: string;
  readonly createdAt: string;
}

/** The valid keys. */
export interface KeyRing {
  /** The known keys. Reads them again when they have changed. */
  list(): Promise<readonly KnownKey[]>;
  /**
   * True if no key was ever created: then programs on this machine may call. After the last key is revoked, no caller
   * may.
   */
  isOpen(): Promise<boolean>;
}

/** A new random key. */
export const newKey = (): string => `ink_${randomBytes(32).toString("base64url")}`;

export const hashKey = (key: string): string => createHash("sha256").update(key).digest("hex");

/** The stored form of a key. */
export const remember = (
  key: string,
  facts: KeyLimits & { id: OwnerId; name: string; createdAt: string },
): KnownKey => ({
  ...facts,
  // At most a quarter of a short key, which a person may have chosen.
  hint: key.slice(0, Math.min(8, Math.floor(key.length / 4))),
  hash: hashKey(key),
});

/** Finds a key. Compares with all keys, so that the time does not depend on the match. */
export function findKey(keys: readonly KnownKey[], key: string): KnownKey | undefined {
  const given = Buffer.from(hashKey(key), "hex");
  let found: KnownKey | undefined;
  for (const known of keys) if (timingSafeEqual(Buffer.from(known.hash, "hex"), given)) found = known;
  return found;
}

/** Combines the keys of the settings and of a key file. */
export function createKeyRing(configured: readonly string[], stored: KeyRing): KeyRing {
  const fixed = configured.map((key, index) =>
    remember(key, { id: `key-${hashKey(key).slice(0, 16)}`, name: `setting ${index + 1}`, createdAt: "" }),
  );
  return {
    list: async () => [...fixed, ...(await stored.list())],
    isOpen: async () => fixed.length === 0 && (await stored.isOpen()),
  };
}

/** A key file that cannot be read. The message names the file. */
export class KeyFileError extends Error {
  override readonly name = "KeyFileError";
}

/** Storage of keys. */
export interface KeyStore extends KeyRing {
  /** Creates and stores a key. Only this call returns it. */
  create(name: string, limits?: KeyLimits): Promise<{ readonly key: string; readonly known: KnownKey }>;
  /**
   * Changes the named limits of a key, by its id or hint; `undefined` restores the limit of the settings. False if the
   * key does not exist.
   */
  limit(id: string, limits: KeyLimits): Promise<boolean>;
  /** Revokes a key by its id or hint. False if the key does not exist. */
  revoke(id: string): Promise<boolean>;
}

/** Opens the key file of a folder. The file may not exist yet. */
export function openKeyFile(folder: string, now: () => Date = () => new Date()): KeyStore {
  const path = join(folder, "keys.json");
  let cached: { readonly stamp: string; readonly keys: readonly KnownKey[] } = { stamp: "", keys: [] };

  const list = async (): Promise<readonly KnownKey[]> => {
    const stamp = await stat(path).then(
      ({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`,
      (cause: NodeJS.ErrnoException) => {
        if (cause.code === "ENOENT") return "";
        throw new KeyFileError(`${path} cannot be read`, { cause });
      },
    );
    if (stamp !== cached.stamp) cached = { stamp, keys: stamp === "" ? [] : await read(path) };
    return cached.keys;
  };

  return {
    list,
    isOpen: async () => {
      await list();
      return cached.stamp === "";
    },
    create: async (name, limits = {}) => {
      const key = newKey();
      const known = remember(key, { id: randomUUID(), name, createdAt: now().toISOString(), ...limits });
      await write(folder, path, [...(await list()), known]);
      return { key, known };
    },
    limit: async (id, limits) => {
      const keys = await list();
      if (!keys.some((key) => isNamed(key, id))) return false;
      await write(
        folder,
        path,
        keys.map((key) => (isNamed(key, id) ? { ...key, ...limits } : key)),
      );
      return true;
    },
    revoke: async (id) => {
      const keys = await list();
      const rest = keys.filter((key) => !isNamed(key, id));
      if (rest.length === keys.length) return false;
      await write(folder, path, rest);
      return true;
    },
  };
}

const isNamed = (key: KnownKey, name: string): boolean => key.id === name || key.hint === name;

async function read(path: string): Promise<readonly KnownKey[]> {
  try {
    const { keys } = JSON.parse(await readFile(path, "utf8")) as { keys: readonly KnownKey[] };
    if (keys.every((key) => /^[0-9a-f]{64}$/.test(key.hash))) return keys;
  } catch (cause) {
    throw new KeyFileError(`${path} cannot be read as a key file`, { cause });
  }
  throw new KeyFileError(`${path} contains an entry without a SHA-256 hash`);
}

/** Replaces the whole file: a reader sees the old keys or the new ones. */
async function write(folder: string, path: string, keys: readonly KnownKey[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  const draft = `${path}.${randomUUID()}`;
  const file = await open(draft, "wx", 0o600);
  try {
    await file.writeFile(`${JSON.stringify({ keys }, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}
