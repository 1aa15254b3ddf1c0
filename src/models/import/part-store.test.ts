import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { removeUnusedParts, stagingFolder, sweepAbandoned } from "./part-store.ts";

let models: string;
beforeEach(async () => {
  models = await mkdtemp(join(tmpdir(), "inkstone-parts-"));
});
afterEach(() => rm(models, { recursive: true }));

const WEEK = 7 * 24 * 3600 * 1000;
const part = async (name: string, ageMs = 0) => {
  const folder = join(models, ".parts", name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "config.json"), "{}");
  const time = new Date(Date.now() - ageMs);
  await utimes(folder, time, time);
  return folder;
};
const linked = async (folder: string, to: string) => {
  await mkdir(join(folder, "checkpoint"), { recursive: true });
  await symlink(to, join(folder, "checkpoint", basename(to)));
};
const left = async () => (await readdir(models)).filter((name) => name !== ".parts");
const parts = async () => (await readdir(join(models, ".parts"))).sort();

/** The number of a process that has ended. */
const deadPid = () => spawnSync(process.execPath, ["--version"]).pid;

test("folders of dead processes are deleted at once; others stay for a week", async () => {
  const mine = stagingFolder(models);
  const dead = mine.replace(`-${process.pid}-`, `-${deadPid()}-`);
  const elsewhere = dead.replace(hostname().replace(/[^\w.]/g, "_"), "another.machine");
  for (const folder of [mine, dead, elsewhere]) await mkdir(folder);
  await sweepAbandoned(models);
  expect(await left()).toEqual([basename(elsewhere), basename(mine)].sort());
  await sweepAbandoned(models, Date.now() + WEEK + 60_000);
  expect(await left()).toEqual([]);
});

test("unused components stay for a week; used ones, and those being made, stay longer", async () => {
  const age = WEEK + 60_000;
  await part("fresh");
  await part("abandoned", age);
  await linked(join(models, "me+a@1"), await part("used", age));
  await linked(stagingFolder(models), await part("in-the-making", age));
  await sweepAbandoned(models);
  expect(await parts()).toEqual(["fresh", "in-the-making", "used"]);
});

test("a component in use by another process's conversion is not removed with its last checkpoint", async () => {
  const shared = await part("shared");
  await linked(stagingFolder(models), shared);
  expect(await removeUnusedParts(models, [shared])).toEqual([]);
  expect(await parts()).toEqual(["shared"]);
});

test("a checkpoint that its card no longer names is deleted after a week; one made elsewhere stays", async () => {
  const linkTo = async (air: string, part: string) => linked(join(models, air), part);
  const used = await part("used");
  for (const air of ["me+a@1", "me+b@1"]) {
    await linkTo(air, used);
    await mkdir(join(models, air, "checkpoint-0123abcd"));
    await writeFile(join(models, air, "card.json"), JSON.stringify({ checkpoint: "checkpoint-0123abcd" }));
  }
  await writeFile(join(models, "me+a@1/source.json"), "{}");
  await sweepAbandoned(models);
  expect(await readdir(join(models, "me+a@1"))).toContain("checkpoint");
  await sweepAbandoned(models, Date.now() + WEEK + 60_000);
  expect(await readdir(join(models, "me+a@1"))).toEqual(["card.json", "checkpoint-0123abcd", "source.json"]);
  expect(await readdir(join(models, "me+b@1"))).toContain("checkpoint");
});

test("without a models folder there is nothing to clean", async () => {
  await expect(sweepAbandoned(join(models, "none"))).resolves.toBeUndefined();
});
