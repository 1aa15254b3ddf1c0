/**
 * The file layer of the embedded database. PGlite's layer claims to sync files but does not, and it lets all users read
 * and write them.
 */

import { fsyncSync } from "node:fs";
import { open, opendir } from "node:fs/promises";
import { join } from "node:path";
import type { PGlite } from "@electric-sql/pglite";
import { NodeFS } from "@electric-sql/pglite/nodefs";

/** Waits until the content of a file, or the names in a folder, would survive a power cut. */
export type Sync = (descriptor: number, path: string) => void;

/** All permissions except those of the owner. */
const OTHERS = 0o077;

/** The start parameters of PostgreSQL: PGlite's parameters without `-F`, which turns syncing off. */
export const syncedParameters = (defaults: readonly string[]): string[] => [
  ...defaults.filter((parameter) => parameter !== "-F"),
  // Emscripten's fdatasync does nothing.
  ...["-c", "wal_sync_method=fsync"],
  // Sizes of the write-ahead log that a checkpoint keeps and allows. One file has 16 MB.
  ...["-c", "min_wal_size=32MB", "-c", "max_wal_size=64MB"],
];

/** The file layer of a database. It syncs when PostgreSQL requests it, and creates files for their owner only. */
export interface SyncedFiles {
  readonly layer: NodeFS;
  /** Syncs everything. From then on, syncs when PostgreSQL requests it. */
  begin(): Promise<void>;
}

/**
 * The files of a database in `folder`. With `isNew`, nothing is synced before `begin`. Otherwise PostgreSQL syncs every
 * file twice, one after the other, which takes ten seconds longer.
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

/** Syncs a folder and its content. */
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

/** Makes a file, or the names in a folder, durable. Some systems cannot sync folders. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, "r").catch(() => undefined);
  await handle?.sync().catch((error) => {
    if (error.code !== "EPERM" && error.code !== "EISDIR" && error.code !== "EINVAL") throw error;
  });
  await handle?.close();
}

/** The used parts of Emscripten's layer over Node's file system. */
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
 * Ends the process. PostgreSQL cannot continue if its write-ahead log cannot be written: it would end "its" process, this
 * one, and never return. Acknowledged data is already in the log.
 */
function end(path: string, cause: unknown): never {
  const { message = JSON.stringify(cause) } = cause as Error;
  console.error(
    `error: the database cannot write ${path}: ${message}. Is the disk full? Inkstone stops; no data is lost.`,
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
