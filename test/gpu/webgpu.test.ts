/**
 * The engine on a WebGPU device: pictures equal the processor's within 2 of 255. Without a GPU the device is SwiftShader, a
 * Vulkan driver in software: INKSTONE_TEST_WEBGPU names its manifest.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createEngineProcess, EngineDied } from "../../src/drawing/index.ts";
import { openCheckpoint } from "../../src/engine/checkpoint/checkpoint.ts";
import { generate } from "../../src/engine/generate.ts";
import { countFallbacks, type GeneratedImage, type GenerateParams, Pipeline } from "../../src/engine/index.ts";
import { loadModel, type Model } from "../../src/engine/model.ts";
import { completeRecipe } from "../../src/engine/recipe.ts";
import { buildTransformer } from "../../src/engine/transformer.ts";
import { openVaeDecoder, positionsAtOnce } from "../../src/engine/vae-decoder.ts";
import { type AnyTensor, createSession, isOnDevice, openDevice } from "../../src/onnx/index.ts";
import { somePass, velocityOf, waves } from "../support/some-pass.ts";
import { makeCheckpoint, type Synthetic, smallWidths } from "../support/synthetic-checkpoint.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 }); // every shader is compiled in software

const fixture = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const checkpoint = fixture("odd/checkpoint");

const small = { prompt: "a red square", width: 32, height: 32, steps: 2, seed: 5n } satisfies GenerateParams;
const gray = { width: 32, height: 32, pixels: new Uint8Array(32 * 32 * 3).fill(120) };
const half = { width: 32, height: 32, pixels: Uint8Array.from({ length: 32 * 32 }, (_, i) => (i % 32 < 16 ? 255 : 0)) };
const halfGrey = { ...half, pixels: half.pixels.map((value, i) => (i % 32 < 8 ? 128 : value)) };
const net = { folder: fixture("controlnet/union"), image: gray };
const taylor = { firstBlocks: 1, lastBlocks: 1, taylorOrder: 1 };
const cache = { threshold: 1e9, start: 1, end: 4 };

const CASES: readonly [string, Partial<GenerateParams>][] = [
  ["text to image", {}],
  ["an odd size", { width: 48, height: 32 }],
  ["image to image", { image: gray, strength: 0.6, steps: 3 }],
  ["image to image with a mask", { image: gray, mask: half, strength: 1 }],
  ["a grey mask, with a solver that corrects", { image: gray, mask: halfGrey, steps: 5, scheduler: "UniPC 3M" }],
  ["a solver that remembers four velocities", { steps: 5, scheduler: "LMS" }],
  ["a solver with two passes a step and noise", { steps: 3, scheduler: "DPM++ 2M SDE" }],
  ["two ControlNets", { controls: [net, { ...net, weight: 0.5, mode: "controlnet" }] }],
  ["a ControlNet", { controls: [net] }],
  ["First Block Cache", { cache: { kind: "fbCache", ...cache }, steps: 4 }],
  ["DB Cache", { cache: { kind: "dbCache", ...cache }, steps: 4 }],
  ["DB Cache with last blocks and Taylor terms", { cache: { kind: "dbCache", ...cache, ...taylor }, steps: 4 }],
  ["TeaCache", { cache: { kind: "teaCache", ...cache }, steps: 4 }],
];

/** Most that any of 255 levels differs by. */
function worst(a: GeneratedImage, b: GeneratedImage): number {
  expect(a.pixels.length).toBe(b.pixels.length);
  return a.pixels.reduce((most, value, i) => Math.max(most, Math.abs(value - b.pixels[i]!)), 0);
}

const driver = process.env.INKSTONE_TEST_WEBGPU;
if (driver !== undefined) process.env.VK_DRIVER_FILES = driver;

describe.skipIf(driver === undefined)("on WebGPU", () => {
  /** The same drawn on both. */
  async function compared(folder: string, params: GenerateParams): Promise<[cpu: GeneratedImage, gpu: GeneratedImage]> {
    const images: GeneratedImage[] = [];
    for (const device of ["cpu", "webgpu"] as const) {
      const pipeline = await Pipeline.load(folder, { device });
      images.push((await pipeline.generate(params))[0]!);
      await pipeline.dispose();
    }
    return images as [GeneratedImage, GeneratedImage];
  }

  describe("one checkpoint", () => {
    let cpu: Pipeline;
    let gpu: Pipeline;
    let note = "";
    beforeAll(async () => {
      cpu = await Pipeline.load(checkpoint);
      gpu = await Pipeline.load(checkpoint, { device: "webgpu", onDevice: (line) => (note = line) });
    });
    afterAll(() => Promise.all([cpu?.dispose(), gpu?.dispose()]));

    test("the device passed its tests", () => expect(note).toMatch(/^webgpu/));

    test.each(CASES)("%s", async (_, change) => {
      const [wanted] = await cpu.generate({ ...small, ...change });
      const [drawn] = await gpu.generate({ ...small, ...change });
      expect(worst(wanted!, drawn!)).toBeLessThanOrEqual(2);
      expect(drawn!.skippedSteps).toBe(wanted!.skippedSteps);
      if (change.cache) expect(drawn!.skippedSteps).toBeGreaterThan(0);
    });
  });

  test("latents and velocities stay on the device from step to step: the host reads the final latents only", async () => {
    const model = await loadModel(await openCheckpoint(checkpoint), { device: "webgpu" });
    const places: boolean[][] = [];
    let fetched = 0;
    const watched: Model = {
      ...model,
      arithmetic: {
        ...model.arithmetic,
        toHost(tensor) {
          fetched++;
          return model.arithmetic.toHost(tensor);
        },
      },
      async velocity(pass) {
        const velocity = await model.velocity(pass);
        places.push([isOnDevice(pass.latents), isOnDevice(velocity)]);
        return velocity;
      },
    };
    const recipe = completeRecipe({ ...small, steps: 3, guidance: 1, scheduler: "UniPC" }, model.member);
    await generate(watched, recipe, {}, () => Promise.reject(new Error("no preview wanted")));
    await model.dispose();
    // The first latents are the noise, which the host drew.
    expect(places).toEqual([
      [false, true],
      [true, true],
      [true, true],
    ]);
    expect(fetched).toBe(1);
  });

  test("between pieces of the transformer the streams stay on the device, and splitting changes little", async () => {
    const opened = await openCheckpoint(checkpoint);
    const { device } = await openDevice("webgpu");
    const { config, weights } = opened.transformer;
    const velocities: Float32Array[] = [];
    for (const where of [undefined, device]) {
      const model = await loadModel(opened, where ? { device: { device, note: "" } } : {});
      const pass = await somePass(model, 32, 5);
      if (where) {
        const piece = buildTransformer(config, weights, { part: { stem: true, from: 0, to: 1, head: false }, device });
        const session = await createSession(piece, { device });
        const { latents, text, rotary, modulation } = pass;
        const row = { data: modulation, dims: [modulation.length] };
        const outputs = await session.run<AnyTensor>({ latents, text, ...rotary, modulation: row });
        expect(Object.values(outputs).map(isOnDevice)).toEqual([true, true]);
        await session.release();
        await model.transformer.openAt([1, 2]);
      }
      for (let again = 0; again < 3; again++) velocities.push(await velocityOf(model, pass));
      await model.dispose();
    }
    const [wanted, , , ...drawn] = velocities;
    for (const velocity of drawn) {
      expect(velocity.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted![i]!)), 0)).toBeLessThan(1e-3);
      expect(velocity).toEqual(drawn[0]);
    }
  });

  test("a LoRA", async () => {
    const loras = [{ file: fixture("lora/files/peft.safetensors") }];
    expect(worst(...(await compared(fixture("plain/checkpoint"), { ...small, loras })))).toBeLessThanOrEqual(2);
  });

  test("an edit with two references", async () => {
    const references = [gray, { width: 45, height: 80, pixels: new Uint8Array(45 * 80 * 3).fill(200) }];
    const params = { prompt: "make it red", steps: 2, seed: 1n, references, referencePixels: 4096 };
    expect(worst(...(await compared(fixture("edit-plus/checkpoint"), params)))).toBeLessThanOrEqual(2);
  });

  describe("weights stored in fewer bits", () => {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "inkstone-gpu-"));
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    // The processor rounds activations of int8 layers and of blocks to 8 bits; a GPU multiplies with float32 ones.
    test.each([
      ["int8", 16],
      ["blocks8", 16],
      ["blocks4", 16],
    ] as const)("%s: within %d of the processor", async (form: Synthetic["form"], bound) => {
      const made = join(folder, form);
      const tokenizer = fixture("edit/checkpoint/tokenizer");
      await makeCheckpoint(made, { widths: smallWidths(430), blocks: 3, layers: 2, form, tokenizer });
      const [cpu, gpu] = await compared(made, small);
      expect(worst(cpu, gpu)).toBeLessThanOrEqual(bound);
      expect(new Set(cpu.pixels).size).toBeGreaterThan(50);
    });
  });

  test("attention in separate operators, as after a failed test, generates the same", async () => {
    const attentionError = async ({ attention }: { attention: string }) => (attention === "fused" ? 0.15 : 1e-7);
    const tests = { attentionError, productTime: async () => 1 };
    const device = await openDevice("webgpu", { tests });
    expect(device.note).toContain("attention written out");
    const pipeline = await Pipeline.load(checkpoint, { device });
    const [drawn] = await pipeline.generate(small);
    await pipeline.dispose();
    const cpu = await Pipeline.load(checkpoint);
    expect(worst((await cpu.generate(small))[0]!, drawn!)).toBeLessThanOrEqual(2);
    await cpu.dispose();
  });

  test("operators that the device leaves to the processor are counted", async () => {
    const { device } = await openDevice("webgpu");
    const { all, onProcessor } = await countFallbacks(checkpoint, device);
    expect(all).toBeGreaterThan(100);
    const products = ["Gemm", "MatMul", "MultiHeadAttention", "LayerNormalization", "RMSNormalization", "Softmax"];
    for (const name of products) expect(onProcessor.has(name), name).toBe(false);
  });

  test("this adapter has no float16: refused by name, float32 with `auto`", async () => {
    await expect(openDevice("webgpu", { precision: "float16" })).rejects.toThrow(/^webgpu has no float16 \(.*f16/);
    const { device, note } = await openDevice("webgpu", { precision: "auto" });
    expect(device.precision).toBe("float32");
    expect(note).toContain("no float16");
  });

  test("little memory: the VAE decodes in tiles, and the image is the same", async () => {
    const opened = await openCheckpoint(checkpoint);
    const { config, weights } = opened.vae;
    const { device } = await openDevice("webgpu");
    const latents = waves(1, 16, 8, 72);
    const whole = await openVaeDecoder(config, weights, {});
    const tiled = await openVaeDecoder(config, weights, { device }, positionsAtOnce(config, 0) / 4);
    const [wanted, got] = [await whole.decode(latents), await tiled.decode(latents)];
    expect(got.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted[i]!)), 0)).toBeLessThan(1e-3);
    await Promise.all([whole.dispose(), tiled.dispose()]);
  });

  test("a request above the device's memory fails alone; the next one finds the device open again", async () => {
    const engine = createEngineProcess({ device: "webgpu", quiet: true });
    const draw = async (size: number) => {
      let drawn: GeneratedImage | undefined;
      await engine.ready();
      const drawing = { ...small, width: size, height: size, steps: 1, guidance: 1 };
      const onImage = (image: GeneratedImage) => {
        drawn = image;
      };
      await engine.draw(checkpoint, { drawing, stages: {} }, { onImage });
      return drawn!;
    };
    try {
      const before = await draw(32);
      const pid = engine.pid;
      // The scores of two heads at 12,544 tokens: 1.26 GB in one buffer. SwiftShader refused 1.16 GB and gave 0.58 GB.
      await expect(draw(1792)).rejects.toThrow(/webgpu failed: its memory does not suffice: the transformer graph/);
      expect(engine.device.trouble).toMatch(/memory does not suffice/);
      expect(await draw(32)).toEqual(before);
      expect(engine.device.trouble).toBeUndefined();
      expect(engine.pid).not.toBe(pid);
    } finally {
      await engine.stop();
    }
  });

  test("an engine killed within a step returns on its device and generates the same", async () => {
    const engine = createEngineProcess({ device: "webgpu", quiet: true });
    const draw = async (steps: number, onStep = () => {}) => {
      let drawn: GeneratedImage | undefined;
      await engine.ready();
      await engine.draw(
        checkpoint,
        { drawing: { ...small, steps }, stages: {} },
        {
          onStep,
          onImage(image) {
            drawn = image;
          },
        },
      );
      return drawn!;
    };
    try {
      const before = await draw(2);
      expect(engine.device).toMatchObject({ name: "webgpu", note: expect.stringMatching(/^webgpu/) });
      const pid = engine.pid!;
      const killed = draw(1000, () => void process.kill(pid, "SIGKILL"));
      await expect(killed).rejects.toThrow(EngineDied);
      expect(engine.device.trouble).toMatch(/SIGKILL/);
      expect(await draw(2)).toEqual(before);
      expect(engine.pid).not.toBe(pid);
      expect(engine.device.trouble).toBeUndefined();
    } finally {
      await engine.stop();
    }
  });
});
