import { randomUUID } from "node:crypto";
import { mkdir, open, opendir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type FileStore, isFileName, type ListedFile, StorageUnavailableError } from "./files.ts";

/** The file system calls that fault tests replace. */
export interface DiskCalls {
  write(path: string, bytes: Uint8Array): Promise<void>;
}

/**
 * Drafts of a killed process are deleted when the store opens. Younger drafts may belong to another server that is
 * writing them.
 */
const DRAFT = /\.part$/;
const DRAFT_AGE_MS = 3_600_000;

/** Opens a folder of files, spread over 256 subfolders by the first two letters of their names. */
export async function openDisk(folder: string, calls: DiskCalls = { write: writeDurably }): Promise<FileStore> {
  await mkdir(folder, { recursive: true });
  const made = await tidied(folder);

  const place = (name: string): string => {
    if (!isFileName(name)) throw new RangeError(`'${name}' is not the name of a stored file`);
    return join(folder, name.slice(0, 2), name);
  };

  return {
    async put(name, bytes) {
      const path = place(name);
      const shard = dirname(path);
      const draft = `${path}.${randomUUID()}.part`;
      try {
        if (!made.has(shard)) await mkdir(shard, { recursive: true });
        made.add(shard);
        await calls.write(draft, bytes);
        await rename(draft, path);
        await syncFolder(shard);
      } catch (error) {
        made.delete(shard);
        await rm(draft, { force: true }).catch(() => {});
        throw new StorageUnavailableError(`cannot store ${name}: ${(error as Error).message}`, { cause: error });
      }
    },
    async get(name) {
      if (!isFileName(name)) return undefined;
      try {
        return await readFile(place(name));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw new StorageUnavailableError(`cannot read ${name}: ${(error as Error).message}`, { cause: error });
      }
    },
    async open(name) {
      if (!isFileName(name)) return undefined;
      try {
        const file = await open(place(name), "r");
        return { length: (await file.stat()).size, stream: file.createReadStream() };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw new StorageUnavailableError(`cannot read ${name}: ${(error as Error).message}`, { cause: error });
      }
    },
    delete: (name) => rm(place(name), { force: true }),
    list: () => listed(folder),
  };
}

async function* listed(folder: string): AsyncGenerator<ListedFile> {
  try {
    for await (const shard of await opendir(folder)) {
      if (!shard.isDirectory()) continue;
      for await (const { name } of await opendir(join(folder, shard.name))) {
        const facts = isFileName(name) ? await stat(join(folder, shard.name, name)).catch(ifDeleted) : undefined;
        if (facts) yield { name, length: facts.size, changedAt: facts.mtime };
      }
    }
  } catch (error) {
    throw new StorageUnavailableError(`cannot list ${folder}: ${(error as Error).message}`, { cause: error });
  }
}

/** A file that was deleted between listing and reading is not an error. */
function ifDeleted(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "wx");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes a rename durable by syncing its folder. Some systems cannot sync folders. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  await handle?.sync().catch(() => {});
  handle?.close().catch(() => {}); // no code waits for it
}

async function removeIfOld(draft: string): Promise<void> {
  const facts = await stat(draft).catch(() => undefined); // its server has finished it
  if (facts && Date.now() - facts.mtimeMs > DRAFT_AGE_MS) await rm(draft, { force: true });
}

/** Returns the existing subfolders, and deletes old drafts in them. */
async function tidied(folder: string): Promise<Set<string>> {
  const shards = new Set<string>();
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const shard = join(folder, entry.name);
    shards.add(shard);
    for (const name of await readdir(shard)) if (DRAFT.test(name)) await removeIfOld(join(shard, name));
  }
  return shards;
}
