import type { Database } from "./database.ts";
import { migrate } from "./migrate.ts";
import type { PgliteOptions } from "./pglite.ts";
import { type Patience, untilReachable } from "./until-reachable.ts";

export interface DatabaseOptions extends PgliteOptions {
  /** `postgres://…`. Without it, the embedded database is used. */
  readonly url?: string;
  readonly maxConnections?: number;
  readonly listenUrl?: string;
  readonly onConnectionLost?: (error: Error) => void;
  readonly onUnprepared?: () => void;
  /** Patience for an unreachable PostgreSQL server. Default: none. */
  readonly patience?: Patience;
}

/** Opens PostgreSQL if a URL is given, else the embedded database. Updates the tables. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const database = await open(options);
  try {
    await untilReachable(() => migrate(database), options.patience ?? { seconds: 0 });
  } catch (error) {
    await database.close();
    throw error;
  }
  return database;
}

/** Loads only the driver in use: PGlite is a PostgreSQL in WebAssembly. */
async function open({ url, ...options }: DatabaseOptions): Promise<Database> {
  if (url === undefined) return (await import("./pglite.ts")).openPglite(options);
  return (await import("./postgres.ts")).openPostgres({ ...options, url });
}
