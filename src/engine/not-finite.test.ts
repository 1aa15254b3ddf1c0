import { cp, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
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

/** Makes the first number of a tensor of a component NaN, or another value. */
async function spoil(component: string, stem: string, name: string, value = Number.NaN): Promise<void> {
  const weight = (await openWeights(component, stem)).find(name)!;
  const file = await open(weight.file, "r+");
  await file.write(Buffer.from(Float32Array.of(value).buffer), 0, 4, weight.offset);
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

/** A LoRA with huge numbers on one layer, [out, in]. */
async function hugeLora(layer: string, out: number, width: number, value = 1e30): Promise<string> {
  const path = join(await mkdtemp(join(folder, "lora-")), "lora.safetensors");
  const tensors = new Map([
    [`${layer}.lora_A.weight`, { data: new Float32Array(2 * width).fill(value), dims: [2, width] }],
    [`${layer}.lora_B.weight`, { data: new Float32Array(out * 2).fill(value), dims: [out, 2] }],
  ]);
  await writeFile(path, writeSafetensors(tensors));
  return path;
}

const QUERY = "transformer_blocks.0.attn.to_q";

test("an adapter of finite numbers that overflows is reported with its file", async () => {
  const file = await hugeLora(QUERY, 32, 32);
  await expect(draw("test/fixtures/plain/checkpoint", { loras: [{ file }] })).rejects.toMatchObject({
    name: "ParameterError",
    parameter: "loras",
    message: "loras: with lora.safetensors the transformer computes NaN or infinity; lower their weights",
  });
});

describe("a ControlNet of finite numbers", () => {
  const ODD = "test/fixtures/odd/checkpoint";
  const UNION = "test/fixtures/controlnet/union";
  const calm = { folder: UNION, image };
  let control: { folder: string; image: typeof image };
  beforeEach(async () => {
    control = { folder: join(folder, "huge"), image };
    await cp(UNION, control.folder, { recursive: true });
    await spoil(control.folder, "diffusion_pytorch_model", "controlnet_blocks.0.bias", 3e38);
  });
  const told = (index: number) => ({
    name: "ParameterError",
    parameter: `controls[${index}].folder`,
    message: `controls[${index}].folder: ${control.folder}: with it the transformer computes NaN or infinity; lower its weight`,
  });

  test("that overflow in the transformer is reported with its parameter", async () => {
    await expect(draw(ODD, { controls: [control] })).rejects.toMatchObject(told(0));
  });

  test("is found among others, and beside a LoRA without a fault", async () => {
    await expect(draw(ODD, { controls: [calm, control] })).rejects.toMatchObject(told(1));
    const file = await hugeLora(QUERY, 36, 36, 1e-3);
    await expect(draw(ODD, { controls: [control], loras: [{ file }] })).rejects.toMatchObject(told(0));
  });

  test("is not blamed for the fault of a LoRA or of the checkpoint", async () => {
    const file = await hugeLora(QUERY, 36, 36);
    await expect(draw(ODD, { controls: [calm], loras: [{ file }] })).rejects.toMatchObject({ parameter: "loras" });
    const checkpoint = join(folder, "checkpoint");
    await cp(ODD, checkpoint, { recursive: true });
    await spoil(join(checkpoint, "transformer"), "diffusion_pytorch_model", `${QUERY}.weight`);
    await expect(draw(checkpoint, { controls: [calm] })).rejects.toMatchObject({ name: "CheckpointError" });
  });
});
