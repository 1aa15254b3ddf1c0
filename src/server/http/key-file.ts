/** The keys made by `inkstone keys`: a file in the data folder that a running server reads anew when it changes. */

import { randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { type KeyRing, type KnownKey, newKey, remember } from "./api-keys.ts";

/** A key file that cannot be read; the message names the file. */
export class KeyFileError extends Error {
  override readonly name = "KeyFileError";
}

/** The key file of a data folder. */
export interface KeyFile extends KeyRing {
  /** Makes and stores a key; this is the only time it is seen. */
  create(name: string): Promise<{ readonly key: string; readonly known: KnownKey }>;
  /** Forgets a key by its id or hint. False when there is none. */
  revoke(id: string): Promise<boolean>;
}

/** Opens the key file of a folder; it need not exist yet. */
export function openKeyFile(folder: string, now: () => Date = () => new Date()): KeyFile {
  const path = join(folder, "keys.json");
  let cached: { readonly stamp: string; readonly keys: readonly KnownKey[] } = { stamp: "", keys: [] };

  const list = async (): Promise<readonly KnownKey[]> => {
    const stamp = await stat(path).then(
      ({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`,
      () => "",
    );
    if (stamp !== cached.stamp) cached = { stamp, keys: stamp === "" ? [] : await read(path) };
    return cached.keys;
  };

  return {
    list,
    create: async (name) => {
      const key = newKey();
      const known = remember(key, { id: randomUUID(), name, createdAt: now().toISOString() });
      await write(folder, path, [...(await list()), known]);
      return { key, known };
    },
    revoke: async (id) => {
      const keys = await list();
      const rest = keys.filter((key) => key.id !== id && key.hint !== id);
      if (rest.length === keys.length) return false;
      await write(folder, path, rest);
      return true;
    },
  };
}

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
