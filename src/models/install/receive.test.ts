import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { listAdapters, resolveAdapter } from "../adapters.ts";
import { type ModelLocations, modelLocations } from "../locations.ts";
import { listModels } from "../registry.ts";
import { removeAdapter } from "./adapter.ts";
import { receiveAdapter, receivingFolder, removeAbandoned } from "./receive.ts";

let root: string;
let locations: ModelLocations;
const ID = "3f0c7f5e-6a40-4bd0-9a55-2f7bb7b3c1aa";

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "inkstone-receive-"));
  locations = { modelsDir: join(root, "models"), bundledDir: modelLocations({}).bundledDir };
});
afterEach(() => rm(root, { recursive: true }));

const bytesOf = (path: string) => readFile(join("test/fixtures", path));
const LORA = "lora/files/peft.safetensors";
const NET = "controlnet/inpainting/diffusion_pytorch_model.safetensors";

interface Given {
  readonly kind?: "lora" | "controlnet";
  readonly file?: string;
  readonly id?: string;
  readonly attempt?: number;
  readonly onTaken?: () => Promise<void>;
}

/** Receives a file in two pieces; the stages that were told, and how often the file was asked for. */
async function receive({ kind = "lora", file = LORA, id = ID, attempt = 1, onTaken = async () => {} }: Given = {}) {
  const bytes = await bytesOf(file);
  const told: string[] = [];
  let asked = 0;
  const source = async (take: (piece: Uint8Array) => Promise<void>) => {
    asked++;
    await take(bytes.subarray(0, 1000));
    await onTaken();
    await take(bytes.subarray(1000));
  };
  await receiveAdapter({ kind, air: "me:a@1", name: "A" }, source, { id, attempt }, locations, (stage) =>
    told.push(stage),
  );
  return { told, asked };
}

const left = async () => (await readdir(locations.modelsDir)).sort();

test("a ControlNet gets a folder in the form of `models add`, which `models remove` does not delete", async () => {
  expect((await receive({ kind: "controlnet", file: NET })).told).toEqual(["downloaded", "checked", "stored"]);
  const { path, card } = await resolveAdapter("me:a@1", "controlnet", locations);
  expect((await readdir(path)).sort()).toEqual(["config.json", "diffusion_pytorch_model.safetensors"]);
  expect(JSON.parse(await readFile(join(path, "config.json"), "utf8"))).toMatchObject({ extra_condition_channels: 4 });
  expect(card.sha256).toHaveLength(64);
  await expect(removeAdapter("me:a@1", locations)).rejects.toMatchObject({ reason: "notRemovable" });
});

test("an upload that restarts after storing is neither refused as a duplicate nor downloaded again", async () => {
  await receive();
  expect(await receive({ attempt: 2 })).toEqual({ told: [], asked: 0 });
  await expect(receive({ id: crypto.randomUUID() })).rejects.toMatchObject({ reason: "alreadyInstalled" });
  expect(await left()).toEqual(["me+a@1"]);
});

test("the next attempt deletes the remains of the last one, which were never a model", async () => {
  const folder = receivingFolder(locations.modelsDir, { id: ID, attempt: 1 });
  await mkdir(folder, { recursive: true });
  const card = { kind: "lora", air: "me:a@1", name: "A", path: "weights.safetensors" };
  await writeFile(join(folder, "card.json"), JSON.stringify(card));
  expect((await listAdapters(locations)).map(({ card: { air } }) => air)).not.toContain("me:a@1");
  await writeFile(join(folder, "card.json"), JSON.stringify({ air: "me:b@1", name: "B" }));
  expect((await listModels(locations)).map(({ origin }) => origin)).toEqual(["bundled"]);
  await receive({ attempt: 2 });
  expect(await left()).toEqual(["me+a@1"]);
});

test("an attempt counted as dead cannot register anything after the next one has begun", async () => {
  const late = receive({ onTaken: async () => void (await receive({ attempt: 2 })) });
  await expect(late).rejects.toThrow();
  const { path } = await resolveAdapter("me:a@1", "lora", locations);
  expect(await readFile(path)).toEqual(await bytesOf(LORA));
  expect(await left()).toEqual(["me+a@1"]);
});

test.each([
  ["lora", NET, "none of its keys belongs to a LoRA"],
  ["controlnet", LORA, "it is not a QwenImageControlNetModel"],
  ["controlnet", "README.md", "it is not a safetensors file"],
] as const)("as %s, %s is refused, and nothing of it stays", async (kind, file, message) => {
  const given = file === "README.md" ? { kind, file: "photos/README.md" } : { kind, file };
  const refused = await receive(given).catch((error) => error);
  expect(refused).toMatchObject({ reason: "damagedFile", message: expect.stringContaining(message) });
  expect(refused.message).not.toContain(root);
  expect(await left()).toEqual([]);
});

test("only old remains are deleted", async () => {
  const folders = [1, 2].map((attempt) => receivingFolder(locations.modelsDir, { id: ID, attempt }));
  for (const folder of folders) await mkdir(folder, { recursive: true });
  await receive({ id: crypto.randomUUID() });
  const before = new Date(Date.now() - 7_300_000);
  for (const name of [folders[0]!, join(locations.modelsDir, "me+a@1")]) await utimes(name, before, before);
  await removeAbandoned(locations, 7_200_000);
  expect(await left()).toEqual([`.receiving-${ID}-2`, "me+a@1"]);
  await removeAbandoned({ ...locations, modelsDir: join(root, "none") }, 0);
});
