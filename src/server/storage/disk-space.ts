import { statfs } from "node:fs/promises";
import { StorageUnavailableError } from "./files.ts";

export interface DiskSpace {
  /** Bytes that are free on the fullest of the disks; undefined where the system does not say. */
  freeBytes(): Promise<number | undefined>;
  /** Why nothing more should be taken in; undefined while there is room. */
  shortage(): Promise<StorageUnavailableError | undefined>;
}

/** How long a measurement counts. */
const FRESH_MS = 500;

/** Bytes that are free on the disk of a folder. */
const freeOn = async (folder: string): Promise<number> => {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
};

/**
 * Watches the disks of folders. Room is short when no more than `reserve` bytes are free: what has been accepted can still be recorded
 * and stored with them.
 */
export function watchDisks(folders: readonly string[], reserve: number, free: typeof freeOn = freeOn): DiskSpace {
  let kept: { readonly at: number; readonly least: Promise<number | undefined> } | undefined;

  async function measure(): Promise<number | undefined> {
    const all = await Promise.all(folders.map((folder) => free(folder).catch(() => undefined)));
    const known = all.filter((bytes) => bytes !== undefined);
    return known.length === 0 ? undefined : Math.min(...known);
  }
  const freeBytes = () => {
    const at = performance.now();
    if (kept === undefined || at - kept.at > FRESH_MS) kept = { at, least: measure() };
    return kept.least;
  };
  return {
    freeBytes,
    async shortage() {
      const bytes = await freeBytes();
      if (bytes === undefined || bytes > reserve) return undefined;
      const [left, kept] = [bytes, reserve].map((one) => Math.floor(one / 1e6));
      return new StorageUnavailableError(
        `its disk is full: ${left} MB are free, ${kept} MB are kept free (INKSTONE_MIN_FREE_MB)`,
      );
    },
  };
}
