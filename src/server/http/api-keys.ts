/**
 * API keys: those of the settings, and those made by `inkstone keys`, in the shared database or in a file of the data folder that a
 * running server reads again when it changes. Only their hashes are kept, and every comparison takes the same time.
 */

import { createHash, randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import { mkdir, open, readFile, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import type { OwnerId } from "../tasks/index.ts";

/** What a key may take, where that is not what the settings say of all keys. */
export interface KeyLimits {
  /** Tasks that may wait. */
  readonly maxWaiting?: number | undefined;
  /** Megabytes of images that it may have stored; 0: no limit. */
  readonly maxStoredMB?: number | undefined;
}

/** A key as it is remembered. */
export interface KnownKey extends KeyLimits {
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
  /** Whether no key has ever been made: then programs on this machine may call. Once the last one is revoked, nobody may. */
  isOpen(): Promise<boolean>;
}

/** A new random key. */
export const newKey = (): string => `ink_${randomBytes(32).toString("base64url")}`;

export const hashKey = (key: string): string => createHash("sha256").update(key).digest("hex");

/** What is remembered of a key. */
export const remember = (
  key: string,
  facts: KeyLimits & { id: OwnerId; name: string; createdAt: string },
): KnownKey => ({
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
  return {
    list: async () => [...fixed, ...(await stored.list())],
    isOpen: async () => fixed.length === 0 && (await stored.isOpen()),
  };
}

/** A key file that cannot be read; the message names the file. */
export class KeyFileError extends Error {
  override readonly name = "KeyFileError";
}

/** Where keys are kept. */
export interface KeyStore extends KeyRing {
  /** Makes and stores a key; this is the only time it is seen. */
  create(name: string, limits?: KeyLimits): Promise<{ readonly key: string; readonly known: KnownKey }>;
  /** Changes the limits of a key by its id or hint: those that are named, `undefined` for what the settings say. False when there is none. */
  limit(id: string, limits: KeyLimits): Promise<boolean>;
  /** Forgets a key by its id or hint. False when there is none. */
  revoke(id: string): Promise<boolean>;
}

/** Opens the key file of a folder; it need not exist yet. */
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
  throw new KeyFileError(`${path} holds an entry without a SHA-256 hash`);
}

/** Replaces the file as a whole: a reader sees the old keys or the new ones. */
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
