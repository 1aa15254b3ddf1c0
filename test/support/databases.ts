/** Databases for tests: the embedded one always, PostgreSQL when INKSTONE_TEST_DATABASE_URL names a server. */

import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { type Database, openDatabase } from "../../src/server/database/index.ts";

export const POSTGRES_URL = process.env.INKSTONE_TEST_DATABASE_URL;

export interface TestDatabase {
  readonly name: "pglite" | "postgres";
  /** Why the suite is skipped here; shown in the report. */
  readonly skip?: string;
  /** A fresh migrated database; with `url`, where other processes and pools can reach it. */
  open(): Promise<{ db: Database; url?: string; drop(): Promise<void> }>;
}

export const TEST_DATABASES: readonly TestDatabase[] = [
  { name: "pglite", open: openEmbedded },
  {
    name: "postgres",
    ...(POSTGRES_URL === undefined && { skip: "INKSTONE_TEST_DATABASE_URL is not set" }),
    open: openOnServer,
  },
];

async function openEmbedded() {
  const db = await openDatabase({});
  return { db, drop: () => db.close() };
}

async function openOnServer() {
  const name = `inkstone_test_${randomBytes(6).toString("hex")}`;
  await onServer(`create database ${name}`);
  const url = new URL(POSTGRES_URL!);
  url.pathname = `/${name}`;
  const db = await openDatabase({ url: url.href });
  return {
    db,
    url: url.href,
    async drop() {
      await db.close();
      await dropOnServer(name);
    },
  };
}

/** An autovacuum worker in the database belongs to a superuser: PostgreSQL refuses to end it, and it leaves soon. */
const NOT_OURS = "42501";

async function dropOnServer(name: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await onServer(`drop database ${name} with (force)`);
    } catch (error) {
      if ((error as pg.DatabaseError).code !== NOT_OURS || tries === 100) throw error;
      await sleep(200);
    }
  }
}

async function onServer(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: POSTGRES_URL });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
