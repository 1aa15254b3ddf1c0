/** Databases for tests: the embedded one always, PostgreSQL when INKSTONE_TEST_DATABASE_URL names a server. */

import { randomBytes } from "node:crypto";
import { openAsBlob } from "node:fs";
import { access, readFile, rename, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import pg from "pg";
import { type Database, openDatabase } from "../../src/database/index.ts";

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
  const db = await openDatabase({ template: await pgliteTemplate() });
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
      await onServer(`drop database ${name} with (force)`);
    },
  };
}

async function onServer(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: POSTGRES_URL });
  await client.connect();
  await client.query(sql);
  await client.end();
}

/** An empty embedded database as a file: made once per machine and version (8 s), then loaded in half a second. */
export async function pgliteTemplate(): Promise<Blob> {
  const require = createRequire(import.meta.url);
  const manifest = join(require.resolve("@electric-sql/pglite"), "../../package.json");
  const { version } = JSON.parse(await readFile(manifest, "utf8")) as { version: string };
  const path = join(tmpdir(), `inkstone-test-pglite-${version}.tar`);
  const made = await access(path).then(
    () => true,
    () => false,
  );
  if (!made) {
    const lite = await PGlite.create();
    const dump = await lite.dumpDataDir("none");
    await lite.close();
    const draft = `${path}.${process.pid}`;
    await writeFile(draft, Buffer.from(await dump.arrayBuffer()));
    await rename(draft, path);
  }
  return openAsBlob(path);
}
