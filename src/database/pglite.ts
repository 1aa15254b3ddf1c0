import { readdir } from "node:fs/promises";
import { PGlite, type Transaction } from "@electric-sql/pglite";
import { lockDataDir } from "./data-dir-lock.ts";
import type { Database, Queryable, Row } from "./database.ts";
import { asUnavailable } from "./unavailable.ts";

export interface PgliteOptions {
  /** Created when missing; without it everything is in memory. */
  readonly dataDir?: string;
  /** A dump to begin with when the folder is new: saves the seconds that making a database takes. */
  readonly template?: Blob;
}

/**
 * Opens the embedded database. Its folder is locked against other processes for as long as it is open: PGlite itself does
 * not, and two writers lose rows.
 */
export async function openPglite({ dataDir, template }: PgliteOptions = {}): Promise<Database> {
  const unlock = dataDir === undefined ? async () => {} : await lockDataDir(dataDir);
  let lite: PGlite;
  try {
    const isNew = dataDir === undefined || (await readdir(dataDir)).length === 0;
    lite = await PGlite.create({
      ...(dataDir !== undefined && { dataDir }),
      ...(template && isNew && { loadDataDir: template }),
    });
  } catch (error) {
    await unlock();
    throw error;
  }

  const on = (connection: PGlite | Transaction): Queryable => ({
    query: async <R = Row>(sql: string, parameters: readonly unknown[] = []) =>
      (await told(connection.query<R>(sql, [...parameters]))).rows,
  });

  return {
    kind: "pglite",
    query: on(lite).query,
    async script(sql) {
      await told(lite.exec(sql));
    },
    transaction: (work) => told(lite.transaction((tx) => work(on(tx)))),
    listen: (channel, onMessage) => lite.listen(channel, onMessage),
    async close() {
      await lite.close();
      await unlock();
    },
  };
}

/** A full disk is an outage here too. */
async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw asUnavailable(error);
  }
}
