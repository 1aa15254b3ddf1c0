import { copyFile, link, mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileSize } from "../file-size.ts";
import type { HubFile } from "./fetch-file.ts";
import type { Repository } from "./repository.ts";

/** Files of a repository on the way to a folder. Models that use the folder keep their files until all new ones are here. */
export interface Download {
  /** The folder of the files until then. An interrupted download continues there. */
  readonly folder: string;
  /** Bytes of files that are in neither of the two folders yet. Partial downloads count as present. */
  missingBytes(files: readonly HubFile[]): Promise<number>;
  /** Downloads a file, unless it is already in one of the two folders. Returns its path. */
  fetch(file: HubFile): Promise<string>;
  /** Moves all files to their place. Each move is a rename, so no file is ever incomplete. */
  finish(): Promise<void>;
  /** Deletes the folder. */
  discard(): Promise<void>;
}

/**
 * Prepares a download. Nothing is written yet.
 * @param place destination of the files
 */
export function downloadTo(place: string, repository: Repository): Download {
  const folder = `${place}~new`; // Git allows no "~" in names of branches and tags
  const fetched: string[] = [];
  return {
    folder,
    async missingBytes(files) {
      const missing = files.map(async ({ path, size }) => {
        const places = [join(folder, path), join(folder, `${path}.part`), join(place, path)];
        const sizes = await Promise.all(places.map(fileSize));
        return Math.max(0, size - Math.max(...sizes.map((present = 0) => present)));
      });
      return (await Promise.all(missing)).reduce((sum, bytes) => sum + bytes, 0);
    },
    async fetch(file) {
      await linkPresent(join(place, file.path), join(folder, file.path));
      fetched.push(file.path);
      return repository.fetch(file, folder);
    },
    async finish() {
      for (const path of fetched) {
        await mkdir(dirname(join(place, path)), { recursive: true });
        await rename(join(folder, path), join(place, path));
      }
      await rm(folder, { recursive: true, force: true });
    },
    discard: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Gives a file a second name, if it exists and the name is free. Its content is checked later. */
async function linkPresent(from: string, to: string): Promise<void> {
  const exists = async (path: string) => (await fileSize(path)) !== undefined;
  if (!(await exists(from)) || (await exists(to)) || (await exists(`${to}.part`))) return;
  await mkdir(dirname(to), { recursive: true });
  await link(from, to).catch(() => copyFile(from, to)); // exFAT has no links
}
