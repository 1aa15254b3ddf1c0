import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { POSTGRES_URL } from "../../../test/support/databases.ts";
import { startProxy } from "../../../test/support/tcp-proxy.ts";
import { type Database, DatabaseUnavailableError } from "./index.ts";
import { openPostgres } from "./postgres.ts";

const WHY = POSTGRES_URL === undefined ? " (skipped: INKSTONE_TEST_DATABASE_URL is not set)" : "";

describe.skipIf(WHY !== "")(`a network that fails on the way to PostgreSQL${WHY}`, () => {
  let proxy: Awaited<ReturnType<typeof startProxy>>;
  let db: Database;
  beforeEach(async () => {
    const url = new URL(POSTGRES_URL!);
    proxy = await startProxy({ host: url.hostname, port: Number(url.port || 5432) });
    url.host = `127.0.0.1:${proxy.port}`;
    db = openPostgres({ url: url.href, answerTimeout: 1_500, maxConnections: 2 });
    await db.query("select 1");
  });
  afterEach(async () => {
    proxy.recover();
    await db.close();
    await proxy.close();
  });

  const outage = async (work: Promise<unknown>) =>
    expect(await work.catch((error) => error)).toBeInstanceOf(DatabaseUnavailableError);

  test("cut connections: an outage, then service on new connections", async () => {
    const sleeping = db.query("select pg_sleep(20)");
    const direct = openPostgres({ url: POSTGRES_URL!, maxConnections: 1 });
    const running = () => direct.query("select 1 as here from pg_stat_activity where query = 'select pg_sleep(20)'");
    await expect.poll(running).toEqual([{ here: 1 }]);
    await direct.close();
    proxy.cut();
    await outage(sleeping);
    expect(await db.query("select 1 as one")).toEqual([{ one: 1 }]);
  });

  test("silent connections are dropped in time, also in a transaction, and nothing incomplete is stored", async () => {
    await db.script("drop table if exists silent; create table silent (n int)");
    const working = db.transaction(async (tx) => {
      await tx.query("insert into silent values (1)");
      proxy.fallSilent();
      await tx.query("insert into silent values (2)");
    });
    await outage(working);
    await outage(db.query("select 1"));
    proxy.recover();
    await expect.poll(() => db.query("select * from silent").catch(() => "away"), { timeout: 15_000 }).toEqual([]);
    await db.script("drop table silent");
  });

  test("a listener that was cut off listens again, and checks for missed changes", async () => {
    const heard: string[] = [];
    let gaps = 0;
    const stop = await db.listen(
      "test_channel",
      (payload) => heard.push(payload),
      () => gaps++,
    );
    await expect.poll(() => gaps, { timeout: 15_000 }).toBe(1);
    await db.query("select pg_notify('test_channel', 'one')");
    await expect.poll(() => heard, { timeout: 15_000 }).toEqual(["one"]);
    proxy.cut();
    await expect.poll(() => gaps, { timeout: 15_000 }).toBe(2);
    await db.query("select pg_notify('test_channel', 'two')");
    await expect.poll(() => heard, { timeout: 15_000 }).toEqual(["one", "two"]);
    await stop();
  });
});
