/** The files of the embedded database. PGlite's own layer says that it has synced them, and has not; and lets everybody read and write them. */

import { fsyncSync } from "node:fs";
import { open, opendir } from "node:fs/promises";
import { join } from "node:path";
import type { PGlite } from "@electric-sql/pglite";
import { NodeFS } from "@electric-sql/pglite/nodefs";

/** Waits until what was written to a file, or the names in a folder, would survive a power cut. */
export type Sync = (descriptor: number, path: string) => void;

/** Everything but what the owner may. */
const OTHERS = 0o077;

/** What PostgreSQL is started with: PGlite's parameters without `-F`, which turns syncing off. */
export const syncedParameters = (defaults: readonly string[]): string[] => [
  ...defaults.filter((parameter) => parameter !== "-F"),
  // Emscripten's fdatasync does nothing.
  ...["-c", "wal_sync_method=fsync"],
  // So many files of the log of changes, of 16 MB each, are kept for further use after a checkpoint.
  ...["-c", "min_wal_size=32MB", "-c", "max_wal_size=64MB"],
];

/** The file layer of a database: syncs what PostgreSQL asks it to sync, and makes files for their owner only. */
export interface SyncedFiles {
  readonly layer: NodeFS;
  /** Syncs everything, and from then on what PostgreSQL asks for. */
  begin(): Promise<void>;
}

/**
 * The files of a database in `folder`. With `isNew`, nothing is synced before `begin`: PostgreSQL syncs one file after the other, twice,
 * and takes ten seconds longer for it.
 */
export function syncedFiles(folder: string, isNew: boolean, sync?: Sync): SyncedFiles {
  const layer = new NodeFS(folder);
  let hasBegun = !isNew;
  const syncOne: Sync = (descriptor, path) => {
    if (hasBegun) (sync ?? fsyncSync)(descriptor, path);
  };
  const init = layer.init.bind(layer);
  layer.init = async (lite: PGlite, options) => {
    const { emscriptenOpts } = await init(lite, options);
    const preRun = [emscriptenOpts.preRun ?? []].flat();
    const mended = (module: unknown) => mend(module as Module, syncOne);
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...preRun, mended] } };
  };
  return {
    layer,
    async begin() {
      if (!hasBegun) await syncAll(folder, sync);
      hasBegun = true;
    },
  };
}

/** Syncs a folder and all that is in it. */
async function syncAll(folder: string, sync?: Sync): Promise<void> {
  const paths = [folder];
  for await (const entry of await opendir(folder, { recursive: true })) paths.push(join(entry.parentPath, entry.name));
  const syncSome = async () => {
    for (let path = paths.pop(); path !== undefined; path = paths.pop()) {
      if (sync === undefined) await syncPath(path);
      else sync(-1, path);
    }
  };
  await Promise.all(Array.from({ length: 16 }, syncSome));
}

/** Makes a file, or the names in a folder, durable; not every system lets a folder be synced. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, "r").catch(() => undefined);
  await handle?.sync().catch((error) => {
    if (error.code !== "EPERM" && error.code !== "EISDIR" && error.code !== "EINVAL") throw error;
  });
  await handle?.close();
}

/** What is used of Emscripten's layer over Node's file system. */
interface Module {
  readonly NODEFS: {
    readonly stream_ops: {
      fsync?(stream: Stream): number;
      write(stream: Stream, ...what: unknown[]): number;
    };
    readonly node_ops: {
      mknod(parent: unknown, name: string, mode: number, device: unknown): unknown;
      setattr(node: unknown, attributes: { mode?: number }): void;
    };
    realPath(node: unknown): string;
  };
}

/**
 * Ends the process. PostgreSQL cannot go on when its log of changes cannot be written: it would end its own process, which it takes
 * this one for, and never returns. What was acknowledged is in the log already.
 */
function end(path: string, cause: unknown): never {
  const { message = JSON.stringify(cause) } = cause as Error;
  console.error(
    `error: the database cannot write ${path}: ${message}. Is the disk full? Inkstone ends; nothing is lost.`,
  );
  process.exit(1);
}

interface Stream {
  readonly node: unknown;
  /** Node's descriptor. */
  readonly nfd: number;
}

function mend({ NODEFS }: Module, sync: Sync): void {
  const { write } = NODEFS.stream_ops;
  NODEFS.stream_ops.write = (stream, ...what) => {
    try {
      return write(stream, ...what);
    } catch (error) {
      const path = NODEFS.realPath(stream.node);
      if (/[/\\]pg_wal[/\\]/.test(path)) end(path, error);
      throw error;
    }
  };
  NODEFS.stream_ops.fsync = ({ node, nfd }) => {
    const path = NODEFS.realPath(node);
    try {
      sync(nfd, path);
    } catch (error) {
      end(path, error);
    }
    return 0;
  };
  const { mknod, setattr } = NODEFS.node_ops;
  NODEFS.node_ops.mknod = (parent, name, mode, device) => mknod(parent, name, mode & ~OTHERS, device);
  NODEFS.node_ops.setattr = (node, attributes) =>
    setattr(node, attributes.mode === undefined ? attributes : { ...attributes, mode: attributes.mode & ~OTHERS });
}
