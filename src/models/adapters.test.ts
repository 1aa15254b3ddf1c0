import { copyFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { listAdapters, resolveAdapter } from "./adapters.ts";
import { addAdapter, removeAdapter } from "./install/adapter.ts";
import { addOrKeep } from "./install/again.ts";
import { addModel } from "./install/model.ts";
import { type ModelLocations, modelLocations } from "./locations.ts";
import { listModels } from "./registry.ts";

let root: string;
let locations: ModelLocations;
let lora: string;
let net: string;
const LORA = "test/fixtures/lora/files/peft.safetensors";

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "inkstone-adapters-"));
  locations = { modelsDir: join(root, "models"), bundledDir: modelLocations({}).bundledDir };
  lora = join(root, "neon.safetensors");
  net = join(root, "edges");
  await copyFile(LORA, lora);
  await cp("test/fixtures/controlnet/union", net, { recursive: true });
});
afterEach(() => rm(root, { recursive: true }));

describe("adapters", () => {
  test("are found by AIR and kind, and are not checkpoints", async () => {
    await addAdapter("lora", lora, { air: "me:neon@1" }, locations);
    await addAdapter("controlnet", net, { air: "me:edges@1", name: "Edges" }, locations);
    expect(await resolveAdapter("me:neon@1", "lora", locations)).toMatchObject({ path: lora, card: { name: "neon" } });
    expect(await resolveAdapter("me:edges@1", "controlnet", locations)).toMatchObject({
      path: net,
      card: { name: "Edges" },
    });
    await expect(resolveAdapter("me:edges@1", "lora", locations)).rejects.toMatchObject({
      reason: "unknownModel",
      message: 'lora is "me:edges@1"; known: me:neon@1, inkstone:chalk@1, inkstone:neon@1',
    });
    expect((await listModels(locations)).map(({ origin }) => origin)).toEqual(["bundled"]);
  });

  test("have the noise levels of a distilled LoRA in their card", async () => {
    const { registration } = await addAdapter("lora", lora, { air: "runware:108@5" }, locations);
    const path = join(registration, "card.json");
    const schedule = { base_shift: 1.0986, max_shift: 1.0986, shift_terminal: null };
    await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, "utf8")), schedule }));
    expect((await resolveAdapter("runware:108@5", "lora", locations)).card.schedule).toEqual(schedule);
  });

  test("cannot use an existing name, or a missing file", async () => {
    await addAdapter("lora", lora, { air: "me:neon@1" }, locations);
    const reasonOf = (work: Promise<unknown>) =>
      work.then(
        () => "none",
        (error) => error.reason,
      );
    expect(await reasonOf(addAdapter("controlnet", net, { air: "me:neon@1" }, locations))).toBe("alreadyInstalled");
    expect(await reasonOf(addAdapter("lora", lora, { air: "inkstone:nano@1" }, locations))).toBe("alreadyInstalled");
    expect(await reasonOf(addAdapter("lora", join(root, "none.safetensors"), { air: "me:a@1" }, locations))).toBe(
      "notAnAdapter",
    );
    expect(await reasonOf(addAdapter("lora", net, { air: "me:a@1" }, locations))).toBe("notAnAdapter");
    expect(await reasonOf(addAdapter("controlnet", lora, { air: "me:a@1" }, locations))).toBe("notAnAdapter");
    expect(await reasonOf(addAdapter("lora", lora, { air: "neon" }, locations))).toBe("invalidCard");
  });

  test("are unregistered without touching their file", async () => {
    await addAdapter("lora", lora, { air: "me:neon@1" }, locations);
    expect(await removeAdapter("me:neon@1", locations)).toMatchObject({ path: lora });
    expect((await listAdapters(locations)).filter(({ path }) => path === lora)).toEqual([]);
    expect(await readFile(lora)).toEqual(await readFile(LORA));
    expect(await removeAdapter("me:neon@1", locations)).toBeUndefined();
  });

  test("of the package cannot be removed", async () => {
    expect((await listAdapters(locations)).map(({ card }) => card.air)).toEqual([
      "inkstone:canny@1",
      "inkstone:chalk@1",
      "inkstone:neon@1",
    ]);
    await expect(removeAdapter("inkstone:neon@1", locations)).rejects.toMatchObject({ reason: "notRemovable" });
  });

  test("do not change how a checkpoint is listed", async () => {
    await addAdapter("lora", lora, { air: "me:neon@1" }, locations);
    const checkpoint = join(root, "qwen");
    await mkdir(checkpoint);
    await writeFile(join(checkpoint, "model_index.json"), "{}");
    await addModel(checkpoint, { air: "me:qwen@1" }, locations);
    expect((await listModels(locations)).map(({ card }) => card.air)).toEqual(["me:qwen@1", "inkstone:nano@1"]);
  });
});

test("a checkpoint cannot take the AIR of an adapter, because the adapter's card and file would be lost", async () => {
  await addAdapter("lora", lora, { air: "me:neon@1" }, locations);
  const taken = addModel(locations.bundledDir, { air: "me:neon@1" }, locations);
  await expect(taken).rejects.toThrow(`me:neon@1 is already installed: ${lora}`);
  expect((await listAdapters(locations))[0]!.card.kind).toBe("lora");
});

test.each([
  ["Qwen-Image-Lightning-4steps-V1.0.safetensors", 4],
  ["Qwen-Image-Lightning-4steps-V2.0.safetensors", 4],
  ["Qwen-Image-Lightning-4steps-V2.0-bf16.safetensors", 4],
  ["Qwen-Image-Lightning-8steps-V1.1.safetensors", 8],
  ["Qwen-Image-Lightning-8steps-V2.0.safetensors", 8],
  ["Qwen-Image-2512-Lightning-4steps-V1.0-fp32.safetensors", 4],
  ["Qwen-Image-2512-Lightning-8steps-V1.0-bf16.safetensors", 8],
  ["Qwen-Image-Edit-2509-Lightning-4steps-V1.0-bf16.safetensors", 4],
  ["Lightning-storm.safetensors", undefined],
  ["my-Qwen-Image-Lightning-8steps.safetensors", undefined],
])("%s has the steps, guidance and noise levels of its distillation, or none", async (name, steps) => {
  const file = join(root, name);
  await copyFile(LORA, file);
  const { card } = await addAdapter("lora", file, { air: "me:fast@1" }, locations);
  expect(card.schedule).toEqual(steps && { base_shift: Math.log(3), max_shift: Math.log(3), shift_terminal: null });
  expect(card.defaults).toEqual(steps && { steps, CFGScale: 1 });
});

/** A safetensors file of one row of numbers with this name. */
function safetensors(name: string): Buffer {
  const header = Buffer.from(JSON.stringify({ [name]: { dtype: "F32", shape: [1, 1], data_offsets: [0, 4] } }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.alloc(4)]);
}
const whole = await readFile(LORA);

test.each([
  ["empty", "", "it is empty"],
  [
    "a Git LFS pointer",
    "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
    "it is a Git LFS pointer",
  ],
  ["a page", "<!doctype html><title>Sign in</title>", "it is an HTML page"],
  ["zipped", "PK\u0003\u0004\0\0\0\0archive/data.pkl", "it is a PyTorch pickle"],
  ["pickled", Buffer.from([0x80, 2, 0x7d, 0x71, 0, 0x2e, 0, 0, 0, 0]), "it is a Python pickle"],
  ["cut in its header", whole.subarray(0, 100), "truncated or not safetensors"],
  ["cut in its numbers", whole.subarray(0, -1), "are outside the"],
  ["a checkpoint's", safetensors("transformer_blocks.0.attn.to_q.weight"), "none of its keys belongs to a LoRA"],
  ["of an unknown kind", safetensors("transformer_blocks.0.attn.to_q.oft_blocks"), "(OFT is not supported)"],
])("a LoRA file that is %s is refused and not registered", async (_, bytes, why) => {
  await writeFile(lora, bytes);
  const refused = addAdapter("lora", lora, { air: "me:neon@1" }, locations);
  await expect(refused).rejects.toMatchObject({ reason: "notAnAdapter", message: expect.stringContaining(why) });
  await expect(resolveAdapter("me:neon@1", "lora", locations)).rejects.toMatchObject({ reason: "unknownModel" });
});

test.each([
  ["without weights", (net: string) => rm(join(net, "diffusion_pytorch_model.safetensors")), "is missing"],
  ["with a LoRA's", (net: string) => copyFile(LORA, join(net, "diffusion_pytorch_model.safetensors")), "is missing"],
  ["of another class", (net: string) => writeFile(join(net, "config.json"), "{}"), "_class_name"],
])("a ControlNet's folder %s is refused and not registered", async (_, damage, why) => {
  await damage(net);
  const refused = addAdapter("controlnet", net, { air: "me:edges@1" }, locations);
  await expect(refused).rejects.toMatchObject({ reason: "notAnAdapter", message: expect.stringContaining(why) });
});

test("an adapter whose file was damaged later counts as another one", async () => {
  await addAdapter("lora", lora, { air: "me:neon@1" }, locations);
  await writeFile(lora, "");
  await expect(addOrKeep("lora", lora, { air: "me:neon@1" }, locations)).rejects.toThrow("it is empty");
});
