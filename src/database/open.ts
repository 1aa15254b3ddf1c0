import type { Database } from "./database.ts";
import { migrate } from "./migrate.ts";
import { openPglite } from "./pglite.ts";
import { openPostgres } from "./postgres.ts";

export interface DatabaseOptions {
  /** `postgres://…`; without it the embedded database is used. */
  readonly url?: string;
  /** Folder of the embedded database; in memory when absent. */
  readonly dataDir?: string;
  readonly onConnectionLost?: (error: Error) => void;
}

/** Opens PostgreSQL when a URL is given, else the embedded database, and brings its tables up to date. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const database =
    options.url === undefined
      ? await openPglite(options.dataDir)
      : openPostgres({
          url: options.url,
          ...(options.onConnectionLost && { onConnectionLost: options.onConnectionLost }),
        });
  try {
    await migrate(database);
  } catch (error) {
    await database.close();
    throw error;
  }
  return database;
}
