import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ModelError } from "./errors.ts";
import { addModel, removeModel } from "./install/model.ts";
import { dataDirectory, type ModelLocations, modelLocations } from "./locations.ts";
import { findModel, listModels } from "./registry.ts";

let root: string;
let locations: ModelLocations;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "inkstone-models-"));
  locations = { modelsDir: join(root, "models"), bundledDir: modelLocations({}).bundledDir };
});
afterEach(() => rm(root, { recursive: true }));

async function checkpoint(name: string, card?: object): Promise<string> {
  const folder = join(root, name);
  await mkdir(folder);
  await writeFile(join(folder, "model_index.json"), "{}");
  if (card) await writeFile(join(folder, "card.json"), JSON.stringify(card));
  return folder;
}

const reason = (promise: Promise<unknown>) =>
  promise.then(
    () => "resolved",
    (error) => (error instanceof ModelError ? [error.reason, error.message] : error),
  );

describe("resolving", () => {
  test("runware:108@1 is the bundled checkpoint while no other is installed", async () => {
    const model = await findModel("runware:108@1", locations);
    expect(model).toMatchObject({ origin: "bundled", folder: locations.bundledDir, card: { air: "inkstone:nano@1" } });
    expect(model.card.maxPixels).toBe(65536);
  });

  test("an installed model replaces it; the bundled one keeps its other name", async () => {
    const folder = await checkpoint("qwen-image");
    await addModel(folder, { air: "runware:108@1" }, locations);
    expect(await findModel("runware:108@1", locations)).toMatchObject({ origin: "installed", folder });
    expect(await findModel("inkstone:nano@1", locations)).toMatchObject({ origin: "bundled" });
  });

  test("an unknown AIR names all known ones", async () => {
    expect(await reason(findModel("civitai:1@2", locations))).toEqual([
      "unknownModel",
      'model is "civitai:1@2"; known models: inkstone:nano@1, runware:108@1',
    ]);
  });

  test("a folder is used directly, with or without a card", async () => {
    const plain = await checkpoint("My Model");
    const carded = await checkpoint("carded", { air: "me:one@1", name: "One", maxPixels: 4096 });
    expect(await findModel(plain, locations)).toMatchObject({ origin: "folder", card: { air: "local:My-Model@1" } });
    expect(await findModel(carded, locations)).toMatchObject({ card: { air: "me:one@1", maxPixels: 4096 } });
  });

  test("neither a folder nor an AIR", async () => {
    expect(await reason(findModel("nowhere/at/all", locations))).toEqual([
      "unknownModel",
      'model is "nowhere/at/all", which is neither a folder nor an AIR (source:id@version)',
    ]);
  });

  test("a folder that is no checkpoint", async () => {
    expect(await reason(findModel(root, locations))).toEqual([
      "notACheckpoint",
      `${root} is not a checkpoint: it has no model_index.json. Name a folder in diffusers layout`,
    ]);
  });

  test.each([
    ["broken JSON", "{", /card\.json: .*JSON/],
    ["a wrong AIR", '{"air":"x","name":"y"}', /must be an AIR: source:id@version\s.*at air/],
    ["an unknown key", '{"air":"a:b@1","name":"y","maxpixels":1}', /Unrecognized key: "maxpixels"/],
  ])("a card with %s names file and key", async (_what, text, message) => {
    const folder = await checkpoint("bad");
    await writeFile(join(folder, "card.json"), text);
    const [why, said] = (await reason(findModel(folder, locations))) as string[];
    expect(why).toBe("invalidCard");
    expect(said).toContain(join(folder, "card.json"));
    expect(said).toMatch(message);
  });
});

describe("installing", () => {
  test("add writes a card that points to the weights; remove deletes the card and leaves the weights", async () => {
    const folder = await checkpoint("big", { air: "me:big@1", name: "Big", comment: "hello" });
    const { registration } = await addModel(folder, { air: "runware:108@1", name: "Mine" }, locations);
    const card = JSON.parse(await readFile(join(registration!, "card.json"), "utf8"));
    expect(card).toMatchObject({ air: "runware:108@1", name: "Mine", comment: "hello", checkpoint: folder });
    expect(await listModels(locations)).toHaveLength(2);
    await removeModel("runware:108@1", locations);
    expect(await listModels(locations)).toHaveLength(1);
    expect(await readFile(join(folder, "model_index.json"), "utf8")).toBe("{}");
  });

  test("one AIR, one model", async () => {
    const folder = await checkpoint("a");
    await addModel(folder, { air: "me:a@1" }, locations);
    expect(await reason(addModel(folder, { air: "me:a@1" }, locations))).toEqual([
      "alreadyInstalled",
      `me:a@1 is already installed: ${folder}. Choose another name with --air, or remove it first: inkstone models remove me:a@1`,
    ]);
    expect(await reason(addModel(folder, { air: "inkstone:nano@1" }, locations))).toMatchObject([
      "alreadyInstalled",
      {},
    ]);
  });

  test("models that cannot be removed", async () => {
    expect(await reason(removeModel("inkstone:nano@1", locations))).toEqual([
      "notRemovable",
      "inkstone:nano@1 is included in the package and cannot be removed",
    ]);
    expect(await reason(removeModel("a:b@1", locations))).toEqual([
      "unknownModel",
      'model is "a:b@1"; installed models: none',
    ]);
    await mkdir(locations.modelsDir);
    const inside = join(locations.modelsDir, "inside");
    await mkdir(inside);
    await writeFile(join(inside, "card.json"), '{"air":"in:side@1","name":"Inside"}');
    expect(await reason(removeModel("in:side@1", locations))).toMatchObject(["notRemovable", {}]);
  });
});

test("folders come from the environment", () => {
  expect(modelLocations({ INKSTONE_MODELS_DIR: "/m" }).modelsDir).toBe("/m");
  expect(dataDirectory({ INKSTONE_DATA_DIR: "/d" }, "/e")).toBe("/e");
  expect(modelLocations({ INKSTONE_DATA_DIR: "/d" }).modelsDir).toBe("/d/models");
});

test.skipIf(process.platform !== "linux")("by default, data is in one place per user", () => {
  expect(dataDirectory({})).toBe(join(homedir(), ".local/share/inkstone"));
  expect(dataDirectory({ XDG_DATA_HOME: "/data" })).toBe("/data/inkstone");
  expect(dataDirectory({ XDG_DATA_HOME: "relative" })).toBe(join(homedir(), ".local/share/inkstone"));
});
