/** A database of PostgreSQL whose `now()` is moved on by the soak: a function that comes before PostgreSQL's own. */

import pg from "pg";
import { POSTGRES_URL } from "../support/databases.ts";

export interface MovedDatabase {
  readonly url: string;
  advance(ms: number): Promise<void>;
  bytes(): Promise<number>;
  drop(): Promise<void>;
}

/** Makes one on the server of INKSTONE_TEST_DATABASE_URL. */
export async function createMovedDatabase(): Promise<MovedDatabase> {
  if (POSTGRES_URL === undefined) throw new Error("INKSTONE_TEST_DATABASE_URL names no PostgreSQL");
  const name = `inkstone_soak_${crypto.randomUUID().slice(0, 8)}`;
  const url = new URL(POSTGRES_URL);
  const maintenance = new pg.Client({ connectionString: url.href });
  await maintenance.connect();
  await maintenance.query(`create database ${name}`);
  // PostgreSQL looks into pg_catalog first, unless the path says where its turn is.
  await maintenance.query(`alter database ${name} set search_path = public, pg_catalog`);
  url.pathname = `/${name}`;
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  // A sequence holds the milliseconds: what moves it on is seen at once, and leaves no dead rows.
  await client.query(
    `create sequence passed minvalue 0 start 0;
     create function now() returns timestamptz stable language sql as
       'select pg_catalog.now() + (select last_value from public.passed) * interval ''1 millisecond''';`,
  );
  let passed = 0;
  return {
    url: url.href,
    async advance(ms) {
      passed += ms;
      await client.query("select setval('passed', $1)", [Math.round(passed)]);
    },
    async bytes() {
      const { rows } = await client.query("select pg_database_size(current_database())::float8 as bytes");
      return rows[0].bytes;
    },
    async drop() {
      await client.end();
      await maintenance.query(`drop database ${name} with (force)`);
      await maintenance.end();
    },
  };
}
