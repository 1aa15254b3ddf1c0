import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeSafetensors } from "../../../test/support/safetensors.ts";
import { openWeights } from "../../weights/weights.ts";
import { controlNetFromTensors } from "./from-tensors.ts";

const FILE = "diffusion_pytorch_model.safetensors";
const fixture = (name: string) => resolve("test/fixtures/controlnet", name);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-tensors-"));
});
afterEach(() => rm(folder, { recursive: true }));

test.each(["union", "inpainting"])("every size of %s follows from its file alone", async (name) => {
  await copyFile(join(fixture(name), FILE), join(folder, FILE));
  const { axes_dims_rope, out_channels, _diffusers_version, ...written } = JSON.parse(
    await readFile(join(fixture(name), "config.json"), "utf8"),
  );
  expect(await controlNetFromTensors(folder)).toEqual(written);
});

/** The shapes of the union fixture with changes; undefined takes a tensor away. */
async function altered(changes: Record<string, readonly number[] | undefined>): Promise<void> {
  const weights = await openWeights(fixture("union"), "diffusion_pytorch_model");
  const shapes = new Map(weights.names.map((name) => [name, weights.find(name)!.shape]));
  for (const [name, shape] of Object.entries(changes)) {
    if (shape) shapes.set(name, shape);
    else shapes.delete(name);
  }
  const tensors = [...shapes].map(([name, dims]) => {
    return [name, { dims, data: new Float32Array(dims.reduce((product, size) => product * size, 1)) }] as const;
  });
  await writeFile(join(folder, FILE), writeSafetensors(new Map(tensors as never)));
}

test.each([
  [{ "img_in.weight": undefined }, '"img_in.weight" is missing'],
  [{ "controlnet_x_embedder.weight": undefined }, '"controlnet_x_embedder.weight" is missing'],
  [{ "controlnet_x_embedder.weight": [36, 66] }, "takes 66 channels; allowed are 64, or 68"],
  [{ "transformer_blocks.0.attn.norm_q.weight": [7] }, "36 is not a multiple of the width of its heads, 7"],
  [{ "controlnet_blocks.1.weight": undefined, "controlnet_blocks.1.bias": undefined }, "2 transformer_blocks and 1"],
  [{ "transformer_blocks.1.attn.to_k.weight": undefined }, '"transformer_blocks.1.attn.to_k.weight" is missing'],
  [{ "transformer_blocks.1.img_mlp.net.2.weight": [36, 36] }, "has shape [36,36], the config needs [36,144]"],
  [{ "transformer_blocks.0.attn.norm_q.weight": [0] }, "not a multiple of the width of its heads, 0"],
  [{ "txt_in.weight": [36, 0] }, "joint_attention_dim"],
  [{ "controlnet_mode_embedder.weight": [4, 36] }, "does not have: controlnet_mode_embedder.weight"],
])("%j is refused by name", async (changes, message) => {
  await altered(changes);
  await expect(controlNetFromTensors(folder)).rejects.toThrow(message);
});

test("unchanged tensors pass", async () => {
  await altered({});
  expect(await controlNetFromTensors(folder)).toMatchObject({ num_layers: 2, num_attention_heads: 3 });
});
