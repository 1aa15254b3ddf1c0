import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { inkstone } from "../../test/cli.ts";

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "inkstone-keys-"));
});
afterEach(() => rm(cwd, { recursive: true }));

const keys = (...args: string[]) => inkstone(["keys", ...args], { cwd, env: { INKSTONE_DATA_DIR: cwd } });

test("a key is shown once, kept as a hash, listed and revoked", async () => {
  const created = await keys("create", "for tests");
  const key = created.out.trim();
  expect(key).toMatch(/^ink_[\w-]{43}$/);
  expect(created.err).toContain("the key is not shown again");

  const [line] = (await keys("list")).out.trim().split("\n");
  expect(line).toContain(`${key.slice(0, 8)}…`);
  expect(line).toContain("for tests");
  expect(line).not.toContain(key);

  const id = line!.split(" ")[0]!;
  expect((await keys("revoke", id)).code).toBe(0);
  expect((await keys("list")).out).toBe("");
});

test("an unknown key cannot be revoked", async () => {
  expect(await keys("revoke", "nobody")).toMatchObject({ code: 2, err: expect.stringContaining('<id> is "nobody"') });
});

test("the file holds no key", async () => {
  const key = (await keys("create")).out.trim();
  for (const name of await readdir(cwd)) expect(await readFile(join(cwd, name), "utf8")).not.toContain(key);
});

test("a key can have separate limits, which can be reset", async () => {
  await keys("create", "small", "--max-waiting", "3", "--max-stored-mb", "0");
  const list = async () => (await keys("list")).out.trim();
  const id = (await list()).split(" ")[0]!;
  expect(await list()).toMatch(/small {2}max-waiting 3 {2}max-stored-mb 0$/);
  expect((await keys("limit", id, "--max-waiting", "7")).code).toBe(0);
  expect(await list()).toMatch(/small {2}max-waiting 7 {2}max-stored-mb 0$/);
  expect((await keys("limit", id, "--max-waiting", "default", "--max-stored-mb", "default")).code).toBe(0);
  expect(await list()).toMatch(/small$/);
});

test.each([
  [["limit", "nobody", "--max-waiting", "3"], '<id> is "nobody"'],
  [["limit", "nobody"], "no limit is given"],
  [
    ["create", "x", "--max-waiting", "0"],
    '--max-waiting is "0"; it must be an integer value between 1 and 1000000, or default',
  ],
  [["create", "x", "--max-stored-mb", "many"], '--max-stored-mb is "many"'],
])("%j is refused", async (args, reason) => {
  expect(await keys(...args)).toMatchObject({ code: 2, err: expect.stringContaining(reason) });
});
