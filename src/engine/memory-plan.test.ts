import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { type Checkpoint, openCheckpoint } from "./checkpoint/checkpoint.ts";
import { planMemory } from "./memory-plan.ts";
import { loadModel } from "./model.ts";

const NANO = fileURLToPath(new URL("../../models/nano", import.meta.url));

let checkpoint: Checkpoint;
beforeAll(async () => {
  checkpoint = await openCheckpoint(NANO);
});

test("with memory to spare everything stays, in the processor's order", () => {
  const plan = planMemory(checkpoint, 8e9);
  expect(plan).toMatchObject({ perSession: Number.POSITIVE_INFINITY, prepack: true, keep: true });
  expect(plan.copied).toBeGreaterThan(80e6); // 42 MB of BF16 weights in float32, some of the VAE's never read
});

test("with little memory the text encoder and the modulations go after use", () => {
  const { copied, working } = planMemory(checkpoint, 8e9);
  const tight = planMemory(checkpoint, (copied + working) / 0.62);
  expect(tight).toMatchObject({ keep: false });
  expect(tight.copied).toBeLessThan(copied);
});

test("a vision tower that goes after use sees the same", async () => {
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

test("what does not fit is refused with numbers and advice", () => {
  expect(() => planMemory(checkpoint, 50e6)).toThrow(/does not fit into memory: .* GB at once.*--weights int8/);
});

test("what fits without a picture is refused as well", () => {
  const roomy = planMemory(checkpoint, 8e9);
  const { copied } = planMemory(checkpoint, (roomy.copied + roomy.working) / 0.62);
  expect(() => planMemory(checkpoint, copied + 1e6)).toThrow(/a picture of 256 × 256 about .* GB more/);
  expect(planMemory(checkpoint, copied + 30e6).copied).toBe(copied);
});

test("weights that go after use give the same bits as weights that stay", async () => {
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
