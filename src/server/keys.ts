/** The place of API keys: the database if servers share one, else a file in the data folder. */

import { type Database, openDatabase } from "./database/index.ts";
import { type KeyStore, openKeyFile, openKeyTable } from "./http/index.ts";

/**
 * The keys of a server with an open database. The embedded database allows one process, but another process creates the
 * keys, so they stay in the file.
 */
export const keysOf = async (db: Database, folder: string): Promise<KeyStore> =>
  db.kind === "postgres" ? openKeyTable(db, openKeyFile(folder)) : openKeyFile(folder);

/** The keys for `inkstone keys`, in parallel to running servers. */
export async function openKeys(folder: string, databaseUrl: string | undefined) {
  if (databaseUrl === undefined) return { keys: openKeyFile(folder), close: async () => {} };
  const db = await openDatabase({ url: databaseUrl, maxConnections: 1 });
  return { keys: await keysOf(db, folder), close: () => db.close() };
}
