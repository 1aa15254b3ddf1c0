/** Commands of root on the data of a server that runs as another user. */

import { statSync } from "node:fs";
import { dirname } from "node:path";
import { UsageError } from "./exit.ts";

/**
 * Call it before a command writes into a folder of the server. Files of root would be unreadable for the server.
 *
 * @throws UsageError if root runs the command, and the folder or its nearest existing parent belongs to another user
 */
export function requireOwner(folder: string): void {
  if (process.geteuid?.() !== 0) return;
  const uid = ownerOf(folder);
  if (uid === 0) return;
  throw new UsageError(
    `${folder} belongs to the user with id ${uid}, and the server could not read files that root writes there. ` +
      "Run the command as that user: runuser -u USER -- inkstone …",
  );
}

function ownerOf(folder: string): number {
  const found = statSync(folder, { throwIfNoEntry: false });
  return found?.uid ?? ownerOf(dirname(folder));
}
