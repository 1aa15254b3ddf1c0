import type { Database } from "./database.ts";
import { migrate } from "./migrate.ts";
import { openPglite, type PgliteOptions } from "./pglite.ts";
import { openPostgres } from "./postgres.ts";
import { type Patience, untilReachable } from "./until-reachable.ts";

export interface DatabaseOptions extends PgliteOptions {
  /** `postgres://…`; without it the embedded database is used. */
  readonly url?: string;
  readonly onConnectionLost?: (error: Error) => void;
  /** For a PostgreSQL server that is not there yet. Default: none. */
  readonly patience?: Patience;
}

/** Opens PostgreSQL when a URL is given, else the embedded database, and brings its tables up to date. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const database =
    options.url === undefined
      ? await openPglite(options)
      : openPostgres({ url: options.url, onConnectionLost: options.onConnectionLost });
  try {
    await untilReachable(() => migrate(database), options.patience ?? { seconds: 0 });
  } catch (error) {
    await database.close();
    throw error;
  }
  return database;
}
