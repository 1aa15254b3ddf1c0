/** Two servers on one PostgreSQL, each with a folder of images of its own. Held to: the second one does not start. */

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { claimFolder } from "../../src/server/storage/index.ts";
import { onEachDatabase } from "../support/on-each-database.ts";

onEachDatabase("two folders of images", (tasks) => {
  let parent: string;
  beforeAll(async () => {
    parent = await mkdtemp(join(tmpdir(), "inkstone-folders-"));
    await tasks.db.query("delete from belongings");
  });
  afterAll(() => rm(parent, { recursive: true }));

  test("the first belongs to the database, a second one is refused, a moved one is accepted", async () => {
    const [first, second] = [join(parent, "first"), join(parent, "second")];
    await claimFolder(tasks.db, first);
    await claimFolder(tasks.db, first);
    const refusal = /^.*second is not the image folder of this database.*write ([0-9a-f-]{36}) into (.*)$/;
    const error = (await claimFolder(tasks.db, second).catch((thrown) => thrown)) as Error;
    expect(error.message).toMatch(refusal);
    await expect(claimFolder(tasks.db, second)).rejects.toThrow("is not the image folder of this database");
    const [, id, mark] = refusal.exec(error.message)!;
    expect((await readFile(join(first, ".images-of"), "utf8")).trim()).toBe(id);
    await writeFile(mark!, id!);
    await claimFolder(tasks.db, second);
  });
});
