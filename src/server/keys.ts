/** Where API keys are kept: in the database where servers share one, else in a file of the data folder. */

import { type Database, openDatabase } from "./database/index.ts";
import { type KeyStore, openKeyFile, openKeyTable } from "./http/index.ts";

/** The keys of a server whose database is open. The embedded one has one process, and its keys are made by another: they stay in the file. */
export const keysOf = async (db: Database, folder: string): Promise<KeyStore> =>
  db.kind === "postgres" ? openKeyTable(db, openKeyFile(folder)) : openKeyFile(folder);

/** The keys for `inkstone keys`, beside running servers. */
export async function openKeys(folder: string, databaseUrl: string | undefined) {
  if (databaseUrl === undefined) return { keys: openKeyFile(folder), close: async () => {} };
  const db = await openDatabase({ url: databaseUrl, maxConnections: 1 });
  return { keys: await keysOf(db, folder), close: () => db.close() };
}
