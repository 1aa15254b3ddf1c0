/** The files of the embedded database. PGlite's own layer says that it has synced them, and has not; and lets everybody read and write them. */

import { fsyncSync } from "node:fs";
import { open } from "node:fs/promises";
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

/** The file layer of a database in `folder`: syncs what PostgreSQL asks it to sync, and makes files for their owner only. */
export function syncedFiles(folder: string, sync: Sync = (descriptor) => fsyncSync(descriptor)): NodeFS {
  const files = new NodeFS(folder);
  const init = files.init.bind(files);
  files.init = async (lite: PGlite, options) => {
    const { emscriptenOpts } = await init(lite, options);
    const preRun = [emscriptenOpts.preRun ?? []].flat();
    return {
      emscriptenOpts: { ...emscriptenOpts, preRun: [...preRun, (module: unknown) => mend(module as Module, sync)] },
    };
  };
  return files;
}

/** Makes the names in a folder durable, where the system lets a folder be synced. */
export async function syncNames(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  await handle?.sync().catch(() => {});
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
