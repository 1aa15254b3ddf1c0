import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { TEST_DATABASES } from "../../../test/support/databases.ts";
import { type Database, MigrationError, openDatabase } from "./index.ts";
import { migrate } from "./migrate.ts";
import { migrations } from "./migrations.ts";

const extra = (number: number, ...statements: string[]) => ({ number, name: `test ${number}`, statements });

for (const database of TEST_DATABASES) {
  describe.skipIf(database.skip)(`migrations on ${database.name}${database.skip ? ` (${database.skip})` : ""}`, () => {
    let opened: Awaited<ReturnType<typeof database.open>>;
    let db: Database;
    const next = migrations.length + 1;
    beforeAll(async () => {
      opened = await database.open();
      db = opened.db;
    });
    afterAll(() => opened?.drop());
    beforeEach(() => db.script(`delete from migrations where number >= ${next}; drop table if exists extra, half`));
    afterEach(() => db.script(`delete from migrations where number >= ${next}`));

    test("each is applied once, in order, and data stays", async () => {
      const more = [...migrations, extra(next, "create table extra (n int)", "insert into extra values (1)")];
      await migrate(db, more);
      await migrate(db, more);
      await migrate(db, [...more, extra(next + 1, "alter table extra add column m int default 2")]);
      expect(await db.query("select * from extra")).toEqual([{ n: 1, m: 2 }]);
    });

    test("a failed migration leaves no changes", async () => {
      const bad = [...migrations, extra(next, "create table half (n int)", "create nonsense")];
      await expect(migrate(db, bad)).rejects.toThrow();
      expect(await db.query("select to_regclass('half') as found")).toEqual([{ found: null }]);
      expect(await db.query("select 1 from migrations where number = $1", [next])).toEqual([]);
    });

    test("a database of a newer version is refused, and so is a changed history", async () => {
      await migrate(db, [...migrations, extra(next, "select 1")]);
      await expect(migrate(db)).rejects.toThrow(MigrationError);
      await expect(migrate(db, [...migrations, extra(next, "select 2")])).rejects.toThrow(
        "was changed after it was applied",
      );
    });

    test("an error in a transaction rolls it back and leaves the connection usable", async () => {
      const failing = db.transaction(async (tx) => {
        await tx.query("create table half (n int)");
        throw new Error("no");
      });
      await expect(failing).rejects.toThrow("no");
      expect(await db.query("select to_regclass('half') as found")).toEqual([{ found: null }]);
    });

    test.runIf(database.name === "postgres")("servers that start at the same time take turns", async () => {
      await db.script("drop schema public cascade; create schema public");
      const url = opened.url!;
      const servers = await Promise.all(Array.from({ length: 4 }, () => openDatabase({ url })));
      expect(await db.query("select count(*)::int as n from migrations")).toEqual([{ n: migrations.length }]);
      for (const server of servers) await server.close();
    });
  });
}
