/** Other users of the machine read and change the data folder. Held to: no way in: no right of theirs to the data folder, what lies in it, and any file of its database. */

import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
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

test("only its owner can read a new folder, including the database", async () => {
  const folder = join(parent, "data");
  await securePrivately(folder);
  const db = await openDatabase({ dataDir: join(folder, "database") });
  await db.close();
  expect(await othersMay(folder)).toBe(0);
  expect(await othersMay(join(folder, "database"))).toBe(0);
});

test("an existing folder is restricted, with its contents and its whole database; links stay", async () => {
  const folder = join(parent, "data");
  const inside = ["keys.json", "images", "database", "database/base", "database/base/5", "database/base/5/1249"];
  await mkdir(join(folder, "database", "base", "5"), { recursive: true });
  await mkdir(join(folder, "images"));
  await writeFile(join(folder, "keys.json"), "{}");
  await writeFile(join(folder, "database", "base", "5", "1249"), "");
  const elsewhere = join(parent, "elsewhere");
  await mkdir(elsewhere);
  await chmod(elsewhere, 0o755);
  await symlink(elsewhere, join(folder, "models"));
  for (const name of ["", ...inside]) await chmod(join(folder, name), 0o777);
  await securePrivately(folder);
  for (const name of ["", ...inside]) expect(await othersMay(join(folder, name)), name).toBe(0);
  expect(await othersMay(elsewhere)).toBe(0o055);
});

test("only its owner can read the files that the database makes, including later ones", async () => {
  const dataDir = join(parent, "database");
  const db = await openDatabase({ dataDir });
  await db.script("create table later (n int); insert into later values (1); checkpoint");
  for (const name of await readdir(dataDir, { recursive: true }))
    expect(await othersMay(join(dataDir, name)), name).toBe(0);
  await db.close();
});

const NOT_ROOT = process.getuid?.() === 0 ? undefined : "it takes root to be another user";
test.skipIf(NOT_ROOT)(
  `a folder of another user that cannot be restricted is refused with a sentence${NOT_ROOT ? ` (${NOT_ROOT})` : ""}`,
  async () => {
    const folder = join(parent, "theirs");
    await mkdir(folder);
    await chmod(folder, 0o777);
    await chmod(parent, 0o755);
    const program = `import { securePrivately } from "${new URL("../../src/server/private-folder.ts", import.meta.url)}";
    process.setuid(65534);
    await securePrivately(${JSON.stringify(folder)}).catch((error) => console.log(error.name + ": " + error.message));`;
    const said = execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
    expect(said).toMatch(
      /^OpenFolderError: .*theirs is open to other users of this machine \(mode 0777\).*choose another --data-dir/,
    );
  },
);
