import type { FileStore } from "./files.ts";

/** Parallel copies. Each file is in memory while it is copied. */
const AT_ONCE = 8;

export interface CopyProgress {
  /** Files and bytes that were missing in the target and have been copied. */
  readonly copied: number;
  readonly copiedBytes: number;
  /** Files that the target already had, with the same length. */
  readonly present: number;
}

/**
 * Copies every file that the target lacks. Run it again to copy newer files. Nothing is deleted on either side. Rejects
 * at the first file that cannot be read or stored; earlier copies stay.
 */
export async function copyFiles(
  from: FileStore,
  to: FileStore,
  onProgress: (progress: CopyProgress) => void = () => {},
): Promise<CopyProgress> {
  const there = new Map<string, number>();
  for await (const { name, length } of to.list()) there.set(name, length);
  let copied = 0;
  let copiedBytes = 0;
  let present = 0;
  const files = from.list()[Symbol.asyncIterator]();

  async function copyInTurn(): Promise<void> {
    for (let next = await files.next(); !next.done; next = await files.next()) {
      const { name, length } = next.value;
      if (there.get(name) === length) {
        present++;
      } else {
        const bytes = await from.get(name);
        if (bytes === undefined) continue; // deleted after it was listed
        await to.put(name, bytes);
        copied++;
        copiedBytes += bytes.length;
      }
      onProgress({ copied, copiedBytes, present });
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, copyInTurn));
  return { copied, copiedBytes, present };
}
