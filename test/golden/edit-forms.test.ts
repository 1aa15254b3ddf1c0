import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openCheckpoint } from "../../src/engine/checkpoint/checkpoint.ts";
import { generate } from "../../src/engine/generate.ts";
import type { GenerateParams } from "../../src/engine/index.ts";
import { loadModel } from "../../src/engine/model.ts";
import { completeRecipe } from "../../src/engine/recipe.ts";
import { encodeReferences } from "../../src/engine/references.ts";
import { addCheckpoint, type CheckpointFiles } from "../../src/models/import/index.ts";
import { openWeights, tensorReader } from "../../src/weights/index.ts";
import { type GgufTensor, ggufFile } from "../support/gguf-file.ts";
import { makeCheckpoint, smallWidths } from "../support/synthetic-checkpoint.ts";
import { fixturePath, ONE_THREAD } from "./fixture.ts";

/** An editing checkpoint in the forms that people have, beside the same in float32: bounds for the whole edit. */

const image = (width: number, height: number, phase: number) => ({
  ...{ width, height },
  pixels: Uint8Array.from({ length: 3 * width * height }, (_, i) => 127 + 120 * Math.sin(phase + i / 40)),
});
const EDIT: GenerateParams = {
  ...{ prompt: "put the hat of picture 2 on the cat of picture 1", steps: 4, guidance: 3, seed: 5n },
  ...{ references: [image(60, 41, 0), image(33, 52, 2)], referencePixels: 12_544 },
};

/** What an edit comes to on its way. */
interface Stages {
  readonly seen: Float32Array;
  readonly embeddings: Float32Array;
  readonly pixels: Uint8Array;
}

let folder: string;
let source: string;
let wanted: Stages;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-edit-forms-"));
  source = join(folder, "source");
  const tokenizer = fixturePath("edit/checkpoint/tokenizer");
  const widths = smallWidths(430);
  await makeCheckpoint(source, { widths, blocks: 3, layers: 2, form: "plain", member: "edit-2511", tokenizer });
  wanted = await stagesOf(source);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function stagesOf(checkpoint: string, changes: Partial<GenerateParams> = {}): Promise<Stages> {
  const params = { ...EDIT, ...changes };
  const model = await loadModel(await openCheckpoint(checkpoint), ONE_THREAD);
  try {
    const recipe = completeRecipe(params, model.member);
    const { seen } = await encodeReferences(model, recipe.references, recipe.referencePixels);
    const { data: embeddings } = await model.encodePrompt(params.prompt, seen);
    const [image] = await generate(model, recipe, {}, () => Promise.reject(new Error("no preview wanted")));
    return { seen: seen[0]!.tokens.data, embeddings, pixels: image!.pixels };
  } finally {
    await model.dispose();
  }
}

/** What a checkpoint made from these files comes to, and its config of the transformer. */
async function added(name: string, files: CheckpointFiles) {
  const locations = { modelsDir: join(folder, name), bundledDir: join(folder, "none") };
  const { folder: made } = await addCheckpoint(files, { air: "me:edit@1" }, locations);
  const config = JSON.parse(await readFile(join(made, "transformer/config.json"), "utf8"));
  return { ...(await stagesOf(made)), config };
}

/** Of a picture to float32's. */
function decibels({ pixels }: Stages): number {
  expect(pixels.length).toBe(wanted.pixels.length);
  const squares = pixels.reduce((sum, value, i) => sum + (value - wanted.pixels[i]!) ** 2, 0);
  return 10 * Math.log10(255 ** 2 / (squares / pixels.length));
}

/** Root of squared differences over that of squares. */
function errorOf(stage: "seen" | "embeddings", stages: Stages): number {
  const [actual, exact] = [stages[stage], wanted[stage]];
  const length = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));
  return length(actual.map((value, i) => value - exact[i]!)) / length(exact);
}

test("another prompt makes another image: 38 dB at most", async () => {
  expect(decibels(await stagesOf(source, { prompt: "a red fox" }))).toBeLessThan(38);
});

test.each([
  ["int8", 0.04, 42],
  ["int4", 0.25, 33],
] as const)(
  "%s: embeddings within %d, the image %d dB at least; the vision tower stays unchanged",
  async (mode, bound, least) => {
    const found = await added(mode, { paths: [source], mode });
    expect(found.seen).toEqual(wanted.seen);
    expect(errorOf("embeddings", found)).toBeLessThan(bound);
    expect(errorOf("embeddings", found)).toBeGreaterThan(1e-4);
    expect(decibels(found)).toBeGreaterThan(least);
  },
);

test("GGUF: transformer, text encoder and mmproj: 42 dB; 2511 is recognised by its marker", async () => {
  const files = { ...(await writeGguf()), base: source };
  const marked = await added("gguf", { ...files, paths: [join(folder, "some.gguf")] });
  expect(errorOf("seen", marked)).toBeLessThan(0.02);
  expect(errorOf("seen", marked)).toBeGreaterThan(1e-4);
  expect(errorOf("embeddings", marked)).toBeLessThan(0.03);
  expect(decibels(marked)).toBeGreaterThan(42);
  expect(marked.config.zero_cond_t).toBe(true);
  // Told to be 2509 it takes the references for noisy, which changes the image.
  const unmarked = await added("unmarked", { ...files, paths: [join(folder, "unmarked.gguf")], member: "edit-2509" });
  expect(decibels(unmarked)).toBeLessThan(decibels(marked));
  expect(unmarked.config.zero_cond_t).toBeUndefined();
});

/** The source's weights under llama.cpp's names, large matrices in Q8_0. */
async function writeGguf() {
  const transformer = await tensorsOf("transformer", "diffusion_pytorch_model", (name) => [[name]]);
  const marker: GgufTensor = { values: new Float32Array(1), shape: [1], type: "F32" };
  await writeFile(join(folder, "unmarked.gguf"), ggufFile("qwen_image", transformer));
  transformer.set("__index_timestep_zero__", marker);
  await writeFile(join(folder, "some.gguf"), ggufFile("qwen_image", transformer));
  const textEncoder = join(folder, "text.gguf");
  await writeFile(textEncoder, ggufFile("qwen2vl", await tensorsOf("text_encoder", "model", llamaText)));
  const vision = join(folder, "mmproj.gguf");
  await writeFile(vision, ggufFile("clip", await tensorsOf("text_encoder", "model", llamaVision)));
  return { textEncoder, vision };
}

type Renamed = readonly (readonly [
  name: string,
  part?: readonly [index: number, of: number, axis: "rows" | "frames"],
])[];

/** @param rename the names that a tensor goes by in the file, each for all of it or a part; none for what the file lacks */
async function tensorsOf(component: string, stem: string, rename: (name: string) => Renamed) {
  const weights = await openWeights(join(source, component), stem);
  const reader = tensorReader();
  const tensors = new Map<string, GgufTensor>();
  for (const name of weights.names) {
    const weight = weights.find(name)!;
    for (const [to, part] of rename(name)) {
      const { values, shape } = part
        ? cut(reader.read(weight), weight.shape, ...part)
        : { values: reader.read(weight), ...weight };
      const isLayer = shape.length === 2 && shape[1]! % 32 === 0 && /blk|transformer_blocks/.test(to);
      tensors.set(to, { values, shape, type: shape.length === 1 ? "F32" : isLayer ? "Q8_0" : "F16" });
    }
  }
  reader.close();
  return tensors;
}

/** One of `of` equal parts: rows below one another, or the frames [out, in, frames, h, w] of a kernel. */
function cut(values: Float32Array, shape: readonly number[], index: number, of: number, axis: "rows" | "frames") {
  if (axis === "rows") {
    const length = values.length / of;
    return {
      values: values.subarray(index * length, (index + 1) * length),
      shape: [shape[0]! / of, ...shape.slice(1)],
    };
  }
  const [out, channels, frames, ...sides] = shape as [number, number, number, number, number];
  const area = sides[0]! * sides[1]!;
  const one = new Float32Array(values.length / of);
  for (let i = 0; i < out * channels; i++) {
    one.set(values.subarray((i * frames + index) * area, (i * frames + index + 1) * area), i * area);
  }
  return { values: one, shape: [out, channels, ...sides] };
}

const LAYER: Readonly<Record<string, string>> = {
  "input_layernorm.": "attn_norm.",
  "post_attention_layernorm.": "ffn_norm.",
  "self_attn.q_proj.": "attn_q.",
  "self_attn.k_proj.": "attn_k.",
  "self_attn.v_proj.": "attn_v.",
  "self_attn.o_proj.": "attn_output.",
  "mlp.gate_proj.": "ffn_gate.",
  "mlp.up_proj.": "ffn_up.",
  "mlp.down_proj.": "ffn_down.",
};

function llamaText(name: string): Renamed {
  if (name === "model.embed_tokens.weight") return [["token_embd.weight"]];
  if (name === "model.norm.weight") return [["output_norm.weight"]];
  const [, layer, part, kind] = /^model\.layers\.(\d+)\.(.+\.)(weight|bias)$/.exec(name) ?? [];
  return layer === undefined ? [] : [[`blk.${layer}.${LAYER[part!]}${kind}`]];
}

const BLOCK: Readonly<Record<string, string>> = {
  norm1: "ln1",
  norm2: "ln2",
  "attn.proj": "attn_out",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
};

function llamaVision(name: string): Renamed {
  if (name === "visual.patch_embed.proj.weight") {
    return ["", ".1"].map((end, i) => [`v.patch_embd.weight${end}`, [i, 2, "frames"]] as const);
  }
  if (name === "visual.merger.ln_q.weight") return [["v.post_ln.weight"]];
  const merger = /^visual\.merger\.mlp\.(.+)$/.exec(name)?.[1];
  if (merger !== undefined) return [[`mm.${merger}`]];
  const [, block, part, kind] = /^visual\.blocks\.(\d+)\.(.+)\.(weight|bias)$/.exec(name) ?? [];
  if (block === undefined) return [];
  if (part === "attn.qkv") {
    return ["q", "k", "v"].map((letter, i) => [`v.blk.${block}.attn_${letter}.${kind}`, [i, 3, "rows"]] as const);
  }
  return [[`v.blk.${block}.${BLOCK[part!]}.${kind}`]];
}
