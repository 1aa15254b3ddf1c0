/**
 * A disk that forgets at a power cut whatever was not synced: contents of files, and names in folders. Syncing a file keeps the name that
 * it has at that moment too, as ext4, XFS, Btrfs and APFS do and PostgreSQL relies on.
 */

import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

export function forgetfulDisk(root: string) {
  /** What is durable: of a file its bytes, of a folder its names. Known by the file itself: a name may come to mean another one. */
  const files = new Map<string, Buffer>();
  const folders = new Map<string, Map<string, { readonly id: string; readonly isFolder: boolean }>>();

  const identify = (path: string) => {
    const { ino, birthtimeNs } = lstatSync(path, { bigint: true });
    return `${ino}:${birthtimeNs}`;
  };

  async function restore(id: string, target: string): Promise<void> {
    await mkdir(target);
    for (const [name, entry] of folders.get(id) ?? []) {
      if (entry.isFolder) await restore(entry.id, join(target, name));
      else await writeFile(join(target, name), files.get(entry.id) ?? "");
    }
  }

  return {
    /** To be called in place of fsync. */
    sync(_descriptor: number, path: string): void {
      const id = identify(path);
      if (!lstatSync(path).isDirectory()) {
        files.set(id, readFileSync(path));
        const folder = identify(dirname(path));
        const names = folders.get(folder) ?? new Map();
        folders.set(folder, names.set(basename(path), { id, isFolder: false }));
      } else {
        const entries = readdirSync(path, { withFileTypes: true }).filter(
          (entry) => entry.isFile() || entry.isDirectory(),
        );
        const named = entries.map((entry) => {
          const found = { id: identify(join(path, entry.name)), isFolder: entry.isDirectory() };
          return [entry.name, found] as const;
        });
        folders.set(id, new Map(named));
      }
    },
    /** Writes what a power cut at this moment would leave of the root into a folder that is not there yet. */
    cut: (target: string) => restore(identify(root), target),
  };
}
