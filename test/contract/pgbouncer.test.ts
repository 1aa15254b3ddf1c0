/** An API server and a worker behind PgBouncer, which lends them two connections in all, by the transaction. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openDatabase } from "../../src/server/database/index.ts";
import { keepsPrepared, NO_PGBOUNCER, startPgbouncer } from "../support/pgbouncer.ts";
import { createCluster, NO_POSTGRES, type PostgresCluster } from "../support/postgres-cluster.ts";
import { startServerProcess } from "../support/server-process.ts";
import { aTask } from "../support/tasks.ts";

const WHY = NO_POSTGRES ?? NO_PGBOUNCER;
const POOL = ["default_pool_size = 2"];
const KEEPING = [...POOL, "max_prepared_statements = 400"];

describe.skipIf(WHY !== undefined)(`behind PgBouncer${WHY === undefined ? "" : ` (skipped: ${WHY})`}`, () => {
  let cluster: PostgresCluster;
  /** One for all cases: a database belongs to one folder of images. */
  let folder: string;
  beforeAll(async () => {
    cluster = await createCluster();
    folder = await mkdtemp(join(tmpdir(), "inkstone-bouncer-"));
  });
  afterAll(async () => {
    await cluster?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  const cases = [
    ["without prepared statements", POOL],
    ...(WHY === undefined && keepsPrepared() ? [["that keeps prepared statements", KEEPING] as const] : []),
  ] as const;

  test.each(cases)(
    "%s: tasks are generated, watched and answered, and wake-ups arrive at once",
    async (_, settings) => {
      const bouncer = await startPgbouncer(cluster.url, settings);
      const env = { INKSTONE_DATABASE_URL: bouncer.url, INKSTONE_DATABASE_LISTEN_URL: cluster.url };
      const start = (role: string) => startServerProcess(folder, { ...env, INKSTONE_ROLE: role });
      const servers = [await start("worker")];
      try {
        await servers[0]!.ready;
        servers.push(await start("api"));
        const api = servers[1]!;
        await api.ready;
        const replies = await Promise.all(Array.from({ length: 20 }, () => api.post(aTask().request)));
        expect(replies.map(({ status }) => status)).toEqual(Array(20).fill(200));

        const times: number[] = [];
        for (let i = 0; i < 9; i++) {
          const begun = performance.now();
          await api.post(aTask().request);
          times.push(performance.now() - begun);
        }
        // Beats, which find what no signal told of, are 5 s apart.
        expect(times.toSorted((a, b) => a - b)[4]).toBeLessThan(2_000);

        const db = await openDatabase({ url: cluster.url, maxConnections: 1 });
        const [row] = await db.query<{ lent: number; listening: number }>(
          `select (count(*) filter (where query not ilike 'listen%' and query <> 'select 1'))::int - 1 as lent,
                (count(*) filter (where query ilike 'listen%' or query = 'select 1'))::int as listening
         from pg_stat_activity where backend_type = 'client backend'`,
        );
        await db.close();
        expect(row).toEqual({ lent: 2, listening: 2 });
      } finally {
        for (const { kill } of servers) await kill();
        await bouncer.stop();
      }
    },
  );

  test("the part of a transaction before a forgotten statement runs once", async () => {
    const bouncer = await startPgbouncer(cluster.url, POOL);
    let told = 0;
    const open = () => openDatabase({ url: bouncer.url, maxConnections: 4, onUnprepared: () => told++ });
    const [one, two] = [await open(), await open()];
    await one.script("create table counted (n int)");
    const count = (db: typeof one) =>
      db.transaction(async (tx) => {
        await tx.query("insert into counted values ($1)", [1]);
        await tx.query("insert into counted values (1 + $1)", [1]);
      });
    await Promise.all(Array.from({ length: 20 }, (_, i) => count(i % 2 ? one : two)));
    expect(await one.query("select n, count(*)::int as times from counted group by n order by n")).toEqual([
      { n: 1, times: 20 },
      { n: 2, times: 20 },
    ]);
    if (!keepsPrepared()) expect(told).toBe(2);
    await one.close();
    await two.close();
    await bouncer.stop();
  });
});
