import { cp, mkdtemp, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Pipeline } from "../../src/engine/index.ts";
import { addCheckpoint, type CheckpointFiles } from "../../src/models/import/index.ts";
import { decodeFloats } from "../../src/weights/decode-floats.ts";
import { elementsOf, openSource } from "../../src/weights/index.ts";
import { type StoredTensor, writeSafetensors } from "../support/safetensors.ts";
import { checkpointPath, fixturePath, ONE_THREAD } from "./fixture.ts";

/**
 * Whole checkpoints from ComfyUI's files: merged ones, the autoencoder under Wan's names, text encoders in scaled fp8. The images equal those of
 * the same numbers in diffusers' layout, bit for bit.
 */

const SOURCE = checkpointPath("bf16");
const WEIGHTS = {
  transformer: "transformer/diffusion_pytorch_model.safetensors",
  text_encoder: "text_encoder/model.safetensors",
  vae: "vae/diffusion_pytorch_model.safetensors",
} as const;

type Tensors = Map<string, StoredTensor>;

let folder: string;
/** Configs and tokenizer of the checkpoint, without any weights. */
let base: string;
let wanted: Uint8Array;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-comfyui-"));
  base = join(folder, "base");
  await cp(SOURCE, base, { recursive: true, filter: (path) => !path.endsWith(".safetensors") });
  wanted = await draw(SOURCE);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function draw(checkpoint: string): Promise<Uint8Array> {
  const pipeline = await Pipeline.load(checkpoint, ONE_THREAD);
  const [image] = await pipeline.generate({ prompt: "a red fox", width: 128, height: 128, steps: 2, seed: 7n });
  await pipeline.dispose();
  return image!.pixels;
}

/** A component's tensors, decoded to float32. */
function tensorsOf(component: keyof typeof WEIGHTS): Tensors {
  const source = openSource(join(SOURCE, WEIGHTS[component]));
  const tensors: Tensors = new Map(
    [...source.tensors].map(([name, { shape, decode }]) => [name, { data: decode(0, elementsOf(shape)), dims: shape }]),
  );
  source.close();
  return tensors;
}

/** The autoencoder under Wan's names. */
async function wanVae(): Promise<Tensors> {
  const names: Record<string, string> = JSON.parse(await readFile(fixturePath("formats/wan-names.json"), "utf8"));
  const tensors = tensorsOf("vae");
  return new Map(Object.entries(names).map(([wan, name]) => [wan, tensors.get(name)!]));
}

/** ComfyUI's text encoder keeps the older names of transformers. */
const textEncoder = (): Tensors =>
  new Map([...tensorsOf("text_encoder")].map(([name, tensor]) => [olderName(name), tensor]));
const olderName = (name: string) => name.replace("model.language_model.", "model.").replace("model.visual.", "visual.");

const prefixed = (prefix: string, tensors: Tensors): Tensors =>
  new Map([...tensors].map(([name, tensor]) => [prefix + name, tensor]));

async function file(name: string, tensors: Tensors, metadata?: Record<string, string>): Promise<string> {
  await writeFile(join(folder, name), writeSafetensors(tensors, metadata));
  return join(folder, name);
}

let made = 0;
async function added(files: Omit<CheckpointFiles, "base">): Promise<string> {
  const locations = { modelsDir: join(folder, `models-${made++}`), bundledDir: join(folder, "none") };
  return (await addCheckpoint({ ...files, base }, { air: "me:made@1" }, locations)).folder;
}

test.each([
  ["vae.", "text_encoders.qwen25_7b.transformer."],
  ["first_stage_model.", "text_encoders.qwen25_7b."],
])("a merged file with the prefixes %s and %s", async (vae, text) => {
  const merged = new Map([
    ...prefixed("model.diffusion_model.", tensorsOf("transformer")),
    ...prefixed(text, textEncoder()),
    ...prefixed(vae, await wanVae()),
  ]);
  const checkpoint = await added({ paths: [await file("merged.safetensors", merged)] });
  for (const component of Object.keys(WEIGHTS))
    expect(await readlink(join(checkpoint, component))).toContain(".parts/");
  expect(await draw(checkpoint)).toEqual(wanted);
});

test("three files beside each other, the autoencoder under Wan's names", async () => {
  const paths = [await file("qwen_image_bf16.safetensors", tensorsOf("transformer"))];
  const checkpoint = await added({
    paths,
    textEncoder: await file("qwen_2.5_vl_7b.safetensors", textEncoder()),
    vae: await file("qwen_image_vae.safetensors", await wanVae()),
  });
  expect(await draw(checkpoint)).toEqual(wanted);
});

/** e4m3 numbers by code, ascending, without NaN. */
const E4M3 = [
  ...decodeFloats(
    Uint8Array.from({ length: 256 }, (_, code) => code),
    "F8_E4M3",
  )!,
]
  .map((value, code) => ({ value, code }))
  .filter(({ value }) => Number.isFinite(value));

const nearest = (value: number): number =>
  E4M3.reduce((best, one) => (Math.abs(one.value - value) < Math.abs(best.value - value) ? one : best)).code;

/** The matrices of the layers in fp8 with a scale each, and the numbers that this makes of them. */
function inFp8(tensors: Tensors, scaleName: string): { stored: Tensors; decoded: Tensors; layers: string[] } {
  const [stored, decoded, layers]: [Tensors, Tensors, string[]] = [new Map(tensors), new Map(tensors), []];
  for (const [name, { data, dims }] of tensors) {
    if (!/^model\.layers\..*_proj\.weight$/.test(name)) continue;
    const values = data as Float32Array;
    const scale = Math.fround(values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 448);
    const codes = Uint8Array.from(values, (value) => nearest(value / scale));
    const layer = name.slice(0, -".weight".length);
    stored.set(name, { data: codes, dims, dtype: "F8_E4M3" });
    stored.set(`${layer}.${scaleName}`, { data: Float32Array.of(scale), dims: [] });
    decoded.set(name, { data: decodeFloats(codes, "F8_E4M3")!.map((value) => value * scale), dims });
    layers.push(layer);
  }
  return { stored, decoded, layers };
}

test.each(["scale_weight", "weight_scale"] as const)("a text encoder in fp8 with %s", async (scaleName) => {
  const { stored, decoded, layers } = inFp8(textEncoder(), scaleName);
  let metadata: Record<string, string> | undefined;
  if (scaleName === "scale_weight") stored.set("scaled_fp8", { data: new Uint8Array(2), dims: [2], dtype: "F8_E4M3" });
  else {
    const notes = Object.fromEntries(layers.map((layer) => [layer, { format: "float8_e4m3fn" }]));
    metadata = { _quantization_metadata: JSON.stringify({ format_version: "1.0", layers: notes }) };
  }
  const plain = join(folder, `plain-${scaleName}`);
  await cp(SOURCE, plain, { recursive: true });
  await writeFile(join(plain, WEIGHTS.text_encoder), writeSafetensors(decoded));
  const checkpoint = await added({
    paths: [await file("transformer.safetensors", tensorsOf("transformer"))],
    textEncoder: await file("qwen_2.5_vl_7b_fp8_scaled.safetensors", stored, metadata),
    vae: await file("vae.safetensors", await wanVae()),
  });
  const image = await draw(checkpoint);
  expect(image).toEqual(await draw(plain));
  expect(image).not.toEqual(wanted);
});
