/** Other users of the machine read and change the data folder. Held to: no way in. */

import { chmod, mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openDatabase } from "../../src/server/database/index.ts";
import { securePrivately } from "../../src/server/private-folder.ts";

let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "inkstone-private-"));
});
afterEach(() => rm(parent, { recursive: true }));

const othersMay = async (path: string) => (await stat(path)).mode & 0o077;

test("a new folder is its owner's only, database included", async () => {
  const folder = join(parent, "data");
  await securePrivately(folder);
  const db = await openDatabase({ dataDir: join(folder, "database") });
  await db.close();
  expect(await othersMay(folder)).toBe(0);
  expect(await othersMay(join(folder, "database"))).toBe(0);
});

test("a folder that is there loses what lets others write, and its database is closed to them", async () => {
  const folder = join(parent, "data");
  await mkdir(join(folder, "database"), { recursive: true });
  await chmod(folder, 0o777);
  await chmod(join(folder, "database"), 0o755);
  await securePrivately(folder);
  expect((await stat(folder)).mode & 0o777).toBe(0o755);
  expect(await othersMay(join(folder, "database"))).toBe(0);
});
