import { PGlite, type Transaction } from "@electric-sql/pglite";
import { lockDataDir } from "./data-dir-lock.ts";
import type { Database, Queryable, Row } from "./database.ts";

/**
 * Opens the embedded database in `dataDir` (created when missing), or in memory when no folder is given. The folder is
 * locked against other processes for as long as it is open: PGlite itself does not, and two writers lose rows.
 */
export async function openPglite(dataDir?: string): Promise<Database> {
  const unlock = dataDir === undefined ? async () => {} : await lockDataDir(dataDir);
  let lite: PGlite;
  try {
    lite = await PGlite.create(dataDir === undefined ? {} : { dataDir });
  } catch (error) {
    await unlock();
    throw error;
  }

  const on = (connection: PGlite | Transaction): Queryable => ({
    query: async <R = Row>(sql: string, parameters: readonly unknown[] = []) =>
      (await connection.query<R>(sql, [...parameters])).rows,
  });

  return {
    kind: "pglite",
    query: on(lite).query,
    async script(sql) {
      await lite.exec(sql);
    },
    transaction: (work) => lite.transaction((tx) => work(on(tx))),
    listen: (channel, onMessage) => lite.listen(channel, onMessage),
    async close() {
      await lite.close();
      await unlock();
    },
  };
}
