import type { FileStore } from "./files.ts";

/** Files that are copied at once; each is in memory while it is. */
const AT_ONCE = 8;

export interface CopyProgress {
  /** Files and bytes that the other store did not have, or has now. */
  readonly copied: number;
  readonly copiedBytes: number;
  /** Files that it had already, at the same length. */
  readonly present: number;
}

/**
 * Copies every file of a store that another one lacks. A second run copies what has come since; nothing is deleted on either side.
 * Rejects at the first file that cannot be read or stored; what was copied until then stays.
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
        if (bytes === undefined) continue; // deleted since it was listed
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
