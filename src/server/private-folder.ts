/** The data folder holds prompts, pictures and hashes of keys: nothing that other users of the machine should read or change. */

import { chmod, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";

/**
 * Makes the data folder, for its owner only. Of a folder that is there already, others lose the right to write; the folder of the
 * database, whose files PGlite makes writable for everyone whatever the umask, is closed to them.
 */
export async function securePrivately(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { mode } = await stat(folder);
  if ((mode & 0o022) !== 0) await chmod(folder, mode & 0o7755);
  const database = join(folder, "database");
  await mkdir(database, { recursive: true, mode: 0o700 });
  await chmod(database, 0o700);
}
