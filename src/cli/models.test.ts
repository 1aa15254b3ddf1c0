import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { inkstone, tinyCheckpoint } from "../../test/cli.ts";

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "inkstone-models-"));
});
afterEach(() => rm(cwd, { recursive: true }));

const models = (...args: string[]) =>
  inkstone(["models", ...args], { cwd, env: { INKSTONE_MODELS_DIR: join(cwd, "models") } });

const bundledAdapters = ["inkstone:canny@1", "inkstone:chalk@1", "inkstone:neon@1"].map((air) => ({
  air,
  origin: "bundled",
}));

test("a checkpoint is added, listed, used by its AIR, and removed", async () => {
  expect(await models("add", tinyCheckpoint, "--air", "me:tiny@1", "--name", "Tiny")).toMatchObject({
    code: 0,
    err: "",
  });
  const list = JSON.parse((await models("list", "--json")).out);
  expect(list).toMatchObject([
    { air: "me:tiny@1", name: "Tiny", origin: "installed", checkpoint: tinyCheckpoint },
    { air: "inkstone:nano@1", aliases: ["runware:108@1"], origin: "bundled" },
    ...bundledAdapters,
  ]);
  expect((await models("list")).out).toContain("inkstone:nano@1 (also runware:108@1)\n  Inkstone nano, bundled");

  const size = ["--width", "128", "--height", "128", "--steps", "1"];
  const drawn = await inkstone(["generate", "x", "--model", "me:tiny@1", ...size, "--json"], {
    cwd,
    env: { INKSTONE_MODELS_DIR: join(cwd, "models") },
  });
  expect(JSON.parse(drawn.out).parameters.model).toBe("me:tiny@1");

  expect((await models("remove", "me:tiny@1")).out).toBe(
    `removed me:tiny@1; its weights are still in ${tinyCheckpoint}\n`,
  );
  expect(JSON.parse((await models("list", "--json")).out)).toMatchObject([
    { air: "inkstone:nano@1" },
    ...bundledAdapters,
  ]);
});

test("the list shows how many reference images a checkpoint accepts", async () => {
  const plus = await models("add", resolve("test/fixtures/edit-plus/checkpoint"), "--air", "me:plus@1");
  expect(plus.out).toContain("edits 1 to 3 reference images");
  expect(plus.out).toContain("defaults: a megapixel at the last image's aspect ratio, ");
  expect(JSON.parse((await models("list", "--json")).out)).toMatchObject([
    { air: "me:plus@1", references: { min: 1, max: 3 } },
    { air: "inkstone:nano@1", references: { min: 0, max: 0 } },
    ...bundledAdapters,
  ]);
  await models("remove", "me:plus@1");
});

test.each([
  [["add", "."], /is neither a checkpoint in diffusers layout/],
  [["add", "x.safetensors", "--kind", "lora"], /--air is missing, and --kind lora requires it/],
  [["add", tinyCheckpoint, "--air", "nonsense"], /allowed is source:id@version/],
  [["remove", "inkstone:nano@1"], /included in the package/],
  [["frob"], /unknown command 'frob'/],
])("%j is refused", async (args, message) => {
  const { code, out, err } = await models(...args);
  expect([code, out]).toEqual([2, ""]);
  expect(err).toMatch(message);
});
