import { cp, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeSafetensors } from "../../test/support/safetensors.ts";
import { openWeights } from "../weights/index.ts";
import type { GenerateParams } from "./params.ts";
import { Pipeline } from "./pipeline.ts";

const params: GenerateParams = { prompt: "A red fox", width: 32, height: 32, steps: 2, seed: 1n };
const image = { width: 32, height: 32, pixels: new Uint8Array(32 * 32 * 3).fill(90) };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-nan-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** Makes the first number of a tensor of a component NaN. */
async function spoil(component: string, stem: string, name: string): Promise<void> {
  const weight = (await openWeights(component, stem)).find(name)!;
  const file = await open(weight.file, "r+");
  await file.write(Buffer.from(Float32Array.of(Number.NaN).buffer), 0, 4, weight.offset);
  await file.close();
}

async function draw(checkpoint: string, more: Partial<GenerateParams>): Promise<unknown> {
  const pipeline = await Pipeline.load(checkpoint);
  try {
    return await pipeline.generate({ ...params, ...more });
  } finally {
    await pipeline.dispose();
  }
}

test.each([
  ["text_encoder", "model", "model.language_model.norm.weight", "text encoder", {}],
  ["transformer", "diffusion_pytorch_model", "transformer_blocks.0.attn.to_q.weight", "transformer", {}],
  ["vae", "diffusion_pytorch_model", "decoder.conv_in.bias", "VAE decoder", {}],
  ["vae", "diffusion_pytorch_model", "decoder.conv_out.bias", "VAE decoder", {}],
  ["vae", "diffusion_pytorch_model", "encoder.conv_in.bias", "VAE encoder", { image }],
])("NaN in the %s's %s (%s) is reported as the %s of the checkpoint", async (component, stem, name, network, more) => {
  await cp("test/fixtures/plain/checkpoint", folder, { recursive: true });
  await spoil(join(folder, component), stem, name);
  await expect(draw(folder, more)).rejects.toMatchObject({
    name: "CheckpointError",
    message: `${folder}: the ${network} computes NaN or infinity`,
  });
});

test.each([
  "transformer_blocks.0.attn.to_q.weight",
  "controlnet_blocks.0.weight", // of the first residual alone
])("NaN in a ControlNet's %s is reported with its parameter", async (name) => {
  await cp("test/fixtures/controlnet/union", folder, { recursive: true });
  await spoil(folder, "diffusion_pytorch_model", name);
  await expect(draw("test/fixtures/odd/checkpoint", { controls: [{ folder, image }] })).rejects.toMatchObject({
    name: "ParameterError",
    parameter: "controls[0].folder",
    message: `controls[0].folder: ${folder}: the ControlNet computes NaN or infinity`,
  });
});

test("a ControlNet without a tensor is reported with its parameter, not as a fault of the checkpoint", async () => {
  await cp("test/fixtures/controlnet/union", folder, { recursive: true });
  const file = await open(join(folder, "diffusion_pytorch_model.safetensors"), "r+");
  const head = Buffer.alloc(200_000);
  await file.read(head, 0, head.length, 0);
  const at = head.indexOf('"img_in.bias"');
  await file.write("x", at + 1);
  await file.close();
  const drawing = draw("test/fixtures/odd/checkpoint", { controls: [{ folder, image }] });
  await expect(drawing).rejects.toMatchObject({ name: "ParameterError", parameter: "controls[0].folder" });
  await expect(drawing).rejects.toThrow('tensor "img_in.bias" is missing');
});

test("an adapter of finite numbers that overflows is reported with its file", async () => {
  const path = join(folder, "lora.safetensors");
  const huge = (length: number) => new Float32Array(length).fill(1e30);
  const layer = "transformer_blocks.0.attn.to_q";
  const tensors = new Map([
    [`${layer}.lora_A.weight`, { data: huge(64), dims: [2, 32] }],
    [`${layer}.lora_B.weight`, { data: huge(64), dims: [32, 2] }],
  ]);
  await writeFile(path, writeSafetensors(tensors));
  await expect(draw("test/fixtures/plain/checkpoint", { loras: [{ file: path }] })).rejects.toMatchObject({
    name: "ParameterError",
    parameter: "loras",
    message: "loras: with lora.safetensors the transformer computes NaN or infinity; lower their weights",
  });
});
