import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { makeCheckpoint, smallWidths } from "../../test/support/synthetic-checkpoint.ts";
import { EXACT } from "../onnx/index.ts";
import { type Checkpoint, openCheckpoint } from "./checkpoint/checkpoint.ts";
import { deviceNeeds, planMemory, unfitForDevice } from "./memory-plan.ts";
import { loadModel } from "./model.ts";

const NANO = fileURLToPath(new URL("../../models/nano", import.meta.url));

let checkpoint: Checkpoint;
beforeAll(async () => {
  checkpoint = await openCheckpoint(NANO);
});

test("with enough memory everything stays loaded, in the processor's layout", () => {
  const plan = planMemory(checkpoint, 8e9);
  expect(plan).toMatchObject({ perSession: Number.POSITIVE_INFINITY, prepack: true, keep: true });
  expect(plan.copied).toBeGreaterThan(80e6); // 42 MB of BF16 weights in float32, some of the VAE's never read
});

test("with little memory the text encoder and the modulations are freed after use", () => {
  const { copied, working } = planMemory(checkpoint, 8e9);
  const tight = planMemory(checkpoint, (copied + working) / 0.62);
  expect(tight).toMatchObject({ keep: false });
  expect(tight.copied).toBeLessThan(copied);
});

test("with little memory int8 runs from the files, and the plan gives the share", async () => {
  const folder = await mkdtemp(join(tmpdir(), "inkstone-plan-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const tokenizer = join(NANO, "tokenizer");
  await makeCheckpoint(folder, { widths: smallWidths(4096), blocks: 2, layers: 1, form: "int8", tokenizer });
  const int8 = await openCheckpoint(folder);
  const roomy = planMemory(int8, 80e9);
  expect(roomy).toMatchObject({ prepack: true, mapped: 0 });
  const tight = planMemory(int8, (roomy.copied + roomy.working) / 0.62);
  const [square, hidden] = [64 * 64, 64 * 256];
  const blocks = 2 * (2 * 6 * square + 8 * square + 4 * hidden) - (2 * square + 2 * hidden); // the last one makes no text
  const layer = 2 * square + 2 * 64 * 32 + 3 * 64 * 128;
  const matrices = blocks + layer;
  expect(tight).toMatchObject({ prepack: false, stored: roomy.stored, mapped: matrices });
});

test("a vision tower that is freed after use gives the same result", async () => {
  const folder = fileURLToPath(new URL("../../test/fixtures/edit-plus/checkpoint", import.meta.url));
  const editing = await openCheckpoint(folder);
  const { copied, working } = planMemory(editing, 80e9);
  const tight = (copied + working) / 0.605;
  expect(planMemory(editing, tight).copied).toBeLessThan(copied);
  const image = { width: 60, height: 40, pixels: new Uint8Array(60 * 40 * 3).map((_, i) => i % 251) };
  const models = [await loadModel(editing), await loadModel(editing, { memory: tight })];
  const [stays, goes] = await Promise.all(models.map((model) => model.seeImages([image, image])));
  expect(goes).toEqual(stays);
  await Promise.all(models.map((model) => model.dispose()));
});

test("a checkpoint that does not fit is refused with numbers and advice", () => {
  expect(() => planMemory(checkpoint, 50e6)).toThrow(/does not fit into memory: .* GB at once.*--weights int8/);
});

test("a checkpoint that fits only without an image is refused too", () => {
  const roomy = planMemory(checkpoint, 8e9);
  const { copied } = planMemory(checkpoint, (roomy.copied + roomy.working) / 0.62);
  expect(() => planMemory(checkpoint, copied + 1e6)).toThrow(/An image of 256 × 256 takes about .* GB more/);
  expect(planMemory(checkpoint, copied + 30e6).copied).toBe(copied);
});

test("weights freed after use give the same bits as weights that stay", async () => {
  const { copied, working } = planMemory(checkpoint, 8e9);
  const models = [await loadModel(checkpoint), await loadModel(checkpoint, { memory: (copied + working) / 0.62 })];
  const [stays, goes] = await Promise.all(
    models.map(async (model) => {
      const text = await model.encodePrompt("two prompts");
      const again = await model.encodePrompt("one more");
      return [text.data, again.data, ...(await model.modulations([0.9, 0.3]))];
    }),
  );
  expect(goes).toEqual(stays);
  for (const model of models) await model.dispose();
});

test("on a GPU, the transformer has no copy in the processor's memory", () => {
  expect(planMemory(checkpoint, 8e9, true).copied).toBeLessThan(planMemory(checkpoint, 8e9).copied / 2);
});

test("a GPU that is too small is reported with numbers; int8 becomes float32 there, blocks stay small", async () => {
  const { weights, working } = deviceNeeds(checkpoint);
  expect(weights).toBeGreaterThan(40e6);
  expect(unfitForDevice(checkpoint, weights + working)).toBeUndefined();
  expect(unfitForDevice(checkpoint, weights + working - 1)).toMatch(
    /need 0\.\d GB of the device's memory.* 1024 × 1024 about 0\.\d GB more; \d\.\d GB are available; 4-bit weights .*--weights int4/,
  );
  const folder = await mkdtemp(join(tmpdir(), "inkstone-device-needs-"));
  const tokenizer = fileURLToPath(new URL("../../test/fixtures/edit/checkpoint/tokenizer", import.meta.url));
  const needs: Record<string, number> = {};
  for (const form of ["plain", "int8", "blocks4"] as const) {
    await makeCheckpoint(join(folder, form), { widths: smallWidths(430), blocks: 4, layers: 1, form, tokenizer });
    needs[form] = deviceNeeds(await openCheckpoint(join(folder, form))).weights;
  }
  const half = deviceNeeds(await openCheckpoint(join(folder, "plain")), "float16");
  await rm(folder, { recursive: true });
  expect(needs.int8).toBe(needs.plain);
  // Of each block queries, keys and values of both streams, and the first layers of both MLPs take 2 bytes a number instead of 4.
  // Of the last block's text only the keys and values count.
  const [inputs, hidden] = [64 * 64, 64 * 256];
  expect(needs.plain! - half.weights).toBe(2 * (4 * (6 * inputs + 2 * hidden) - (inputs + hidden)));
  expect(needs.blocks4).toBeLessThan(needs.plain! / 1.5);
});

test("a named device is refused if the checkpoint does not fit; one chosen by auto falls back to the processor", async () => {
  const device = { ...EXACT, provider: "cuda" } as const;
  const load = (chosen: boolean) => {
    let said = "";
    const options = {
      device: { device, note: "cuda", chosen },
      deviceMemory: 1e6,
      onDevice: (note: string) => (said = note),
    };
    return loadModel(checkpoint, options).then(async (model) => {
      await model.dispose();
      return said;
    });
  };
  await expect(load(false)).rejects.toThrow(/nano does not fit on cuda: its transformer .*0\.0 GB are available/);
  expect(await load(true)).toMatch(/^cpu: the checkpoint does not fit on cuda: its transformer/);
});
