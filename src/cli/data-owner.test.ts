import { chown, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { inkstone, tinyCheckpoint } from "../../test/cli.ts";

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-owner-"));
});
afterEach(() => rm(folder, { recursive: true }));

const run = (...args: string[]) => inkstone(args, { cwd: folder, env: { INKSTONE_DATA_DIR: join(folder, "data") } });

describe.skipIf(!isRoot)("root, and a data folder of another user (skipped unless the tests run as root)", () => {
  test.each([
    ["keys", "create", "app"],
    ["models", "add", tinyCheckpoint, "--air", "me:tiny@1"],
    ["models", "remove", "me:tiny@1"],
    ["storage", "copy", "--from", "./elsewhere", "--to", "./data/images"],
  ])("%s %s is refused and writes nothing", async (...args) => {
    await mkdir(join(folder, "data"));
    await chown(join(folder, "data"), NOBODY, NOBODY);
    const { code, err } = await run(...args);
    expect([code, err]).toEqual([2, expect.stringMatching(/belongs to the user with id 65534.*runuser -u USER/)]);
    expect(await readdir(join(folder, "data"))).toEqual([]);
  });

  test("a folder of root, or a missing one, is used", async () => {
    expect(await run("keys", "create", "app")).toMatchObject({ code: 0 });
    expect(await run("keys", "list")).toMatchObject({ code: 0, out: expect.stringContaining("app") });
  });
});
