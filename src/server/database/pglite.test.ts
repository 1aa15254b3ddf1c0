import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TEST_DATABASES } from "../../../test/support/databases.ts";
import { type Database, DatabaseUnavailableError, openDatabase } from "./index.ts";
import { pgliteTemplate } from "./pglite.ts";

let db: Database;
let drop: () => Promise<void>;
beforeEach(async () => {
  ({ db, drop } = await TEST_DATABASES[0]!.open());
});
afterEach(() => drop());

test("a statement runs repeatedly, each time with new parameters", async () => {
  const sql = "select $1::int + 1 as next, $2::text as word, $3::text[] as list, $4::boolean as flag";
  for (let i = 0; i < 8; i++) {
    const parameters = [i, `word ${i}`, ["a", `${i}`], i % 2 === 0];
    expect(await db.query(sql, parameters)).toEqual([
      { next: i + 1, word: `word ${i}`, list: ["a", `${i}`], flag: i % 2 === 0 },
    ]);
  }
  expect(await db.query(sql, [null, null, null, undefined])).toEqual([
    { next: null, word: null, list: null, flag: null },
  ]);
});

test("a failed statement gives its reason, and does not affect later ones", async () => {
  await db.script("create table once (word text unique)");
  const insert = "insert into once values ($1)";
  await db.query(insert, ["a"]);
  await expect(db.query(insert, ["a"])).rejects.toMatchObject({ code: "23505" });
  await expect(db.query("select $1::int", ["no number"])).rejects.toMatchObject({ code: "22P02" });
  await expect(db.query("select nothing from nowhere")).rejects.toMatchObject({ code: "42P01" });
  await db.query(insert, ["b"]);
  expect(await db.query("select word from once order by word")).toEqual([{ word: "a" }, { word: "b" }]);
});

test("a prepared statement sees later changes", async () => {
  await db.script("create table shape (one int)");
  const count = "select count(*)::int as rows from shape";
  expect(await db.query(count)).toEqual([{ rows: 0 }]);
  await db.script("alter table shape add column two int; insert into shape values (1, 2)");
  expect(await db.query(count)).toEqual([{ rows: 1 }]);
});

test("no other statement runs between those of a transaction", async () => {
  await db.script("create table steps (number int)");
  const working = db.transaction(async (tx) => {
    await tx.query("insert into steps values (1)");
    for (let turn = 0; turn < 5; turn++) await tx.query("select 1"); // time enough for what does not wait
    throw new Error("rolled back");
  });
  const outside = db.query("insert into steps values (2)");
  await expect(working).rejects.toThrow("rolled back");
  await outside;
  expect(await db.query("select number from steps")).toEqual([{ number: 2 }]);
});

test("after closing it is unavailable", async () => {
  await db.close();
  await expect(db.query("select 1")).rejects.toThrow(DatabaseUnavailableError);
  ({ db, drop } = await TEST_DATABASES[0]!.open());
});

test("a template exists for the installed version of PGlite (npm run template makes it)", async () => {
  expect((await pgliteTemplate())?.size).toBeGreaterThan(2 ** 20);
});

test("a new folder that a killed process left incomplete is created again", async () => {
  const folder = await mkdtemp(join(tmpdir(), "inkstone-pglite-"));
  const dataDir = join(folder, "database");
  await mkdir(dataDir);
  await writeFile(join(dataDir, "PG_VERSION"), "18\n");
  await writeFile(`${dataDir}.unfinished`, "");
  const first = await openDatabase({ dataDir });
  await first.script("create table kept (word text); insert into kept values ('yes')");
  await first.close();
  expect(await readdir(folder)).toEqual(["database"]);
  const second = await openDatabase({ dataDir });
  expect(await second.query("select word from kept")).toEqual([{ word: "yes" }]);
  await second.close();
  await rm(folder, { recursive: true });
});
