import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openCheckpoint } from "../../src/engine/checkpoint/checkpoint.ts";
import { Pipeline } from "../../src/engine/index.ts";
import { loadModel } from "../../src/engine/model.ts";
import { addCheckpoint, type CheckpointFiles } from "../../src/models/import/index.ts";
import { partsOf } from "../../src/models/import/parts.ts";
import { elementsOf, openSource } from "../../src/weights/index.ts";
import { BLOCK_TYPES, decodeBlocks } from "../../src/weights/sources/block-types.ts";
import { type GgufTensor, ggufFile } from "../support/gguf-file.ts";
import { relativeError } from "../support/relative-error.ts";
import { writeSafetensors } from "../support/safetensors.ts";
import { somePass, velocityOf } from "../support/some-pass.ts";
import { makeCheckpoint, smallWidths, type Widths } from "../support/synthetic-checkpoint.ts";
import { checkpointPath, fixturePath, ONE_THREAD } from "./fixture.ts";

/** Checkpoints converted from the files that people have, beside the same in float32 that holds the decoded numbers. */

const WEIGHTS = "transformer/diffusion_pytorch_model.safetensors";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-formats-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A copy of a checkpoint whose transformer holds a file's decoded numbers in float32. */
async function decoded(file: string, base: string): Promise<string> {
  const to = await mkdtemp(join(folder, "decoded-"));
  await cp(base, to, { recursive: true });
  const source = openSource(file);
  const tensors = [...partsOf(source)[0]!.tensors].map(
    ([name, { shape, decode }]) => [name, { data: decode(0, elementsOf(shape)), dims: shape }] as const,
  );
  source.close();
  await writeFile(join(to, WEIGHTS), writeSafetensors(new Map(tensors)));
  return to;
}

let made = 0;
async function converted(file: string, base: string, mode: CheckpointFiles["mode"]): Promise<string> {
  const locations = { modelsDir: join(folder, `models-${made++}`), bundledDir: join(folder, "none") };
  return (await addCheckpoint({ paths: [file], base, mode }, { air: "me:made@1" }, locations)).folder;
}

async function velocity(checkpoint: string): Promise<Float32Array> {
  const model = await loadModel(await openCheckpoint(checkpoint), ONE_THREAD);
  const values = await velocityOf(model, await somePass(model, 128, 12));
  await model.dispose();
  return values;
}

async function draw(checkpoint: string): Promise<Uint8Array> {
  const pipeline = await Pipeline.load(checkpoint, ONE_THREAD);
  const [image] = await pipeline.generate({ prompt: "a red fox", width: 128, height: 128, steps: 4, seed: 7n });
  await pipeline.dispose();
  return image!.pixels;
}

function decibels(image: Uint8Array, wanted: Uint8Array): number {
  const squares = image.reduce((sum, value, i) => sum + (value - wanted[i]!) ** 2, 0);
  return 10 * Math.log10(255 ** 2 / (squares / image.length));
}

/** The largest error of a velocity, and the lowest PSNR of an image. */
const BOUNDS = { keep: [3e-2, 40], int8: [4e-2, 38], int4: [0.25, 25] } as const;

describe.each([
  "transformer.gguf",
  "fp8.safetensors",
  "fp8-scaled.safetensors",
  "fp8-mixed.safetensors",
  "int8-convrot.safetensors",
])("%s, written by the format's reference library", (name) => {
  const file = fixturePath(`formats/${name}`);
  const base = checkpointPath("half");
  let wanted: { velocity: Float32Array; image: Uint8Array };
  beforeAll(async () => {
    const plain = await decoded(file, base);
    wanted = { velocity: await velocity(plain), image: await draw(plain) };
  });

  test.each(["keep", "int8", "int4"] as const)("%s", async (mode) => {
    const checkpoint = await converted(file, base, mode);
    const [error, psnr] = [
      relativeError(await velocity(checkpoint), wanted.velocity),
      decibels(await draw(checkpoint), wanted.image),
    ];
    expect(error).toBeLessThan(BOUNDS[mode][0]);
    expect(psnr).toBeGreaterThan(BOUNDS[mode][1]);
    // fp8 has no product of its own: what it decodes to is kept, and nothing is lost.
    if (mode === "keep" && name.startsWith("fp8")) expect(error).toBe(0);
  });
});

describe("matrices in every block type of GGUF", () => {
  let base: string;
  beforeAll(async () => {
    base = join(folder, "wide");
    const small = smallWidths(346);
    const transformer: Widths["transformer"] = {
      ...small.transformer,
      attention_head_dim: 64,
      num_attention_heads: 4,
      axes_dims_rope: [16, 24, 24],
    };
    const tokenizer = join(checkpointPath("half"), "tokenizer");
    await makeCheckpoint(base, { widths: { ...small, transformer }, blocks: 2, layers: 1, form: "plain", tokenizer });
  });

  test.each(Object.keys(BLOCK_TYPES))("%s", async (type) => {
    const file = join(folder, `${type}.gguf`);
    await writeFile(file, ggufFile("qwen_image", await inBlocks(base, type)));
    const plain = await velocity(await decoded(file, base));
    expect(relativeError(await velocity(base), plain)).toBeGreaterThan(0.2); // other weights
    expect(relativeError(await velocity(await converted(file, base, "keep")), plain)).toBeLessThan(BOUNDS.keep[0]);
  });
});

/** Where a block has its binary16 scale, and what a second one is of it so that the weights' mean is 0. */
const SCALES: Readonly<Record<string, readonly [at: number, second?: readonly [at: number, factor: number]]>> = {
  Q4_1: [0, [2, -7.5]],
  Q5_1: [0, [2, -15.5]],
  Q4_K: [0, [2, 7.5]],
  Q5_K: [0, [2, 15.5]],
  Q2_K: [80, [82, 1.5]],
  Q3_K: [108],
  Q6_K: [208],
};

/** A transformer's tensors, the matrices of its blocks in random blocks of a type whose numbers are as large as the checkpoint's. */
async function inBlocks(checkpoint: string, type: string): Promise<Map<string, GgufTensor>> {
  const source = openSource(join(checkpoint, WEIGHTS));
  let state = 1;
  const byte = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  };
  const tensors = new Map<string, GgufTensor>();
  for (const [name, { shape, decode }] of source.tensors) {
    const values = decode(0, elementsOf(shape));
    const isMatrix = shape.length === 2 && name.startsWith("transformer_blocks.");
    tensors.set(
      name,
      isMatrix ? { shape, type, blocks: randomBlocks(type, values, byte) } : { shape, type: "F32", values },
    );
  }
  source.close();
  return tensors;
}

function randomBlocks(type: string, like: Float32Array, byte: () => number): Buffer {
  const layout = BLOCK_TYPES[type]!;
  const [at, second] = SCALES[type] ?? [0];
  const bytes = Buffer.from(Uint8Array.from({ length: (like.length / layout.elements) * layout.bytes }, byte));
  const scaled = (scale: number) => {
    for (let block = 0; block < bytes.length; block += layout.bytes) {
      bytes.writeUInt16LE(half(scale), block + at);
      if (second) bytes.writeUInt16LE(half(scale * second[1]), block + second[0]);
    }
    return bytes;
  };
  const rms = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
  return scaled(rms(like) / rms(decodeBlocks(layout, scaled(1))));
}

const half = (value: number): number => new Uint16Array(new Float16Array([value]).buffer)[0]!;
