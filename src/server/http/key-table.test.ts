import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { onEachDatabase } from "../../../test/support/on-each-database.ts";
import { DatabaseUnavailableError } from "../database/index.ts";
import { openKeyFile } from "./api-keys.ts";
import { openKeyTable } from "./key-table.ts";

onEachDatabase("keys in the database", (tasks) => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "inkstone-keys-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("keys in the file move to the table; a revoked key is unknown to all servers, and does not return", async () => {
    const file = openKeyFile(folder);
    const [old, kept] = [await file.create("old"), await file.create("kept")];
    let clock = 0;
    const here = await openKeyTable(tasks.db, file, () => clock);
    const there = await openKeyTable(tasks.db, openKeyFile(join(folder, "elsewhere")), () => clock);
    const names = async (keys: typeof here) => (await keys.list()).map(({ name }) => name);
    expect(await names(there)).toEqual(["old", "kept"]);
    expect(await here.revoke(old.known.id)).toBe(true);
    expect(await here.revoke(old.known.id)).toBe(false);
    expect(await names(here)).toEqual(["kept"]);
    clock += 2_001;
    expect(await names(there)).toEqual(["kept"]);
    expect(await names(await openKeyTable(tasks.db, file))).toEqual(["kept"]);
    await here.revoke(kept.known.hint);
    clock += 2_001;
    expect([await names(there), await there.isOpen()]).toEqual([[], false]);
  });

  test("while the database is away, the last known keys count; a server that never read them reports it", async () => {
    let away = false;
    let clock = 0;
    const query: typeof tasks.db.query = (...statement) => {
      if (away) return Promise.reject(new DatabaseUnavailableError("away"));
      return tasks.db.query(...statement);
    };
    const db = { ...tasks.db, query };
    const keys = await openKeyTable(db, { list: async () => [], isOpen: async () => true }, () => clock);
    const late = await openKeyTable(db, { list: async () => [], isOpen: async () => true }, () => clock);
    await keys.create("mine");
    const before = await keys.list();
    away = true;
    clock += 60_000;
    expect(await keys.list()).toEqual(before);
    await expect(late.list()).rejects.toThrow(DatabaseUnavailableError);
  });

  test("changed limits apply at all servers within two seconds; limits that are not named stay", async () => {
    let clock = 0;
    const here = await openKeyTable(tasks.db, openKeyFile(join(folder, "none")), () => clock);
    const there = await openKeyTable(tasks.db, openKeyFile(join(folder, "none")), () => clock);
    const { known } = await here.create("limited", { maxWaiting: 3, maxStoredMB: 5 });
    const limits = async (keys: typeof here) => {
      const { maxWaiting, maxStoredMB } = (await keys.list()).find(({ id }) => id === known.id)!;
      return { maxWaiting, maxStoredMB };
    };
    expect(await limits(there)).toEqual({ maxWaiting: 3, maxStoredMB: 5 });
    expect(await here.limit(known.hint, { maxWaiting: 4 })).toBe(true);
    expect(await here.limit("nobody", { maxWaiting: 4 })).toBe(false);
    clock += 2_001;
    expect(await limits(there)).toEqual({ maxWaiting: 4, maxStoredMB: 5 });
    await here.limit(known.id, { maxWaiting: undefined, maxStoredMB: 0 });
    expect(await limits(here)).toEqual({ maxWaiting: undefined, maxStoredMB: 0 });
  });
});
