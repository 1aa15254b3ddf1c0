import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { modelLocations, openModelCatalogue } from "../models/index.ts";
import { addModel } from "../models/install/index.ts";
import { defaultModelTrouble } from "./default-model.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "inkstone-default-"));
});
afterEach(() => rm(root, { recursive: true }));

const locations = () => ({ modelsDir: join(root, "models"), bundledDir: modelLocations({}).bundledDir });

async function installed() {
  const folder = join(root, "half");
  await cp(resolve("test/fixtures/half/checkpoint"), folder, { recursive: true });
  await addModel(folder, { air: "runware:108@1" }, locations());
  return folder;
}

test("the bundled checkpoint has no problem, nor has a complete one with its name", async () => {
  const models = openModelCatalogue(locations());
  expect(await defaultModelTrouble(models)()).toBeUndefined();
  await installed();
  models.refresh();
  expect(await defaultModelTrouble(models)()).toBeUndefined();
});

test("missing files are reported by name until they are back", async () => {
  const folder = await installed();
  const file = join(folder, "vae/diffusion_pytorch_model.safetensors");
  await rm(file);
  let now = 0;
  const trouble = defaultModelTrouble(openModelCatalogue(locations()), () => now);
  expect(await trouble()).toMatch(/^runware:108@1: .*vae.diffusion_pytorch_model\.safetensors is missing/);
  await cp(resolve("test/fixtures/half/checkpoint/vae/diffusion_pytorch_model.safetensors"), file);
  expect(await trouble()).toContain("is missing");
  now = 11_000;
  expect(await trouble()).toBeUndefined();
});

test("a damaged and a missing card are reported", async () => {
  await mkdir(join(root, "models/me+a@1"), { recursive: true });
  await writeFile(join(root, "models/me+a@1/card.json"), "{}");
  expect(await defaultModelTrouble(openModelCatalogue(locations()))()).toMatch(/^runware:108@1: .*card\.json/);
  const none = { modelsDir: join(root, "none"), bundledDir: join(root, "none") };
  expect(await defaultModelTrouble(openModelCatalogue(none))()).toContain("known models: none");
});

test("weights that are still in the bucket are no problem", async () => {
  const folder = await installed();
  await rm(join(folder, "vae/diffusion_pytorch_model.safetensors"));
  await writeFile(join(root, "models/runware+108@1/shared.json"), "{}");
  expect(await defaultModelTrouble(openModelCatalogue(locations()))()).toBeUndefined();
});
