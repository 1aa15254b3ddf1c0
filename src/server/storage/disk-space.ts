import { statfs } from "node:fs/promises";
import { StorageUnavailableError } from "./files.ts";

export interface DiskSpace {
  /** Free bytes on the fullest of the disks; undefined if the system does not report them. */
  freeBytes(): Promise<number | undefined>;
  /** The reason to accept no more data; undefined while there is space. */
  shortage(): Promise<StorageUnavailableError | undefined>;
}

/** Milliseconds for which a measurement is valid. */
const FRESH_MS = 500;

/** Free bytes on the disk of a folder. */
const freeOn = async (folder: string): Promise<number> => {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
};

/**
 * Watches the disks of folders. Space is short when at most `reserve` bytes are free. The reserve lets accepted tasks
 * finish and store their results.
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
        `its disk is full: ${left} MB are free, and ${kept} MB must stay free (INKSTONE_MIN_FREE_MB)`,
      );
    },
  };
}
