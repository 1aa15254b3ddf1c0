/**
 * Access rights of the data folder. It contains prompts, images and hashes of keys, which other users of the machine
 * must not read or change.
 */

import { chmod, mkdir, opendir, stat } from "node:fs/promises";
import { join } from "node:path";

/** The data folder cannot be closed to other users of the machine. */
export class OpenFolderError extends Error {
  override readonly name = "OpenFolderError";
}

/** Permissions of all users except the owner. */
const OTHERS = 0o077;

/**
 * Creates the data folder. From an existing one, removes the permissions of other users: from the folder, its entries,
 * and the files of the database. A closed folder protects everything below it.
 * @throws OpenFolderError if it stays open to others
 */
export async function securePrivately(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const database = join(folder, "database");
  await close(folder);
  await mkdir(database, { recursive: true, mode: 0o700 });
  await closeWithin(folder, false);
  await closeWithin(database, true);
}

async function closeWithin(folder: string, deep: boolean): Promise<void> {
  for await (const entry of await opendir(folder, { recursive: deep })) {
    // A link leads to a folder elsewhere, which has its own permissions.
    if (entry.isFile() || entry.isDirectory()) await close(join(entry.parentPath, entry.name));
  }
}

async function close(path: string): Promise<void> {
  // Windows does not have these permissions. A user's data folder belongs to that user.
  if (process.platform === "win32") return;
  const before = await stat(path).catch(unlessGone);
  if (before === undefined || (before.mode & OTHERS) === 0) return;
  const failed = await chmod(path, before.mode & 0o7777 & ~OTHERS).then(
    () => undefined,
    (error: Error) => error,
  );
  const after = await stat(path).catch(unlessGone);
  if (after === undefined || (after.mode & OTHERS) === 0) return;
  const mode = (after.mode & 0o777).toString(8).padStart(4, "0");
  throw new OpenFolderError(
    `${path} is open to other users of this machine (mode ${mode}) and cannot be closed to them${failed ? `: ${failed.message}` : ""}. ` +
      "Give it to the user that runs Inkstone, or choose another --data-dir, such as a new folder inside it.",
    { cause: failed },
  );
}

function unlessGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
