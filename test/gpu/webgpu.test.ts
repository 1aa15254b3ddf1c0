/**
 * The engine on a WebGPU device: pictures equal the processor's within 2 of 255. Without a GPU the device is SwiftShader, a
 * Vulkan driver in software: INKSTONE_TEST_WEBGPU names its manifest.
 */

import { describe, expect, test, vi } from "vitest";
import { bundledCheckpoint } from "../../src/bundled.ts";
import { createEngineProcess, EngineDied } from "../../src/drawing/index.ts";
import { openCheckpoint } from "../../src/engine/checkpoint/checkpoint.ts";
import { generate } from "../../src/engine/generate.ts";
import { countFallbacks, type GeneratedImage, Pipeline } from "../../src/engine/index.ts";
import { loadModel, type Model } from "../../src/engine/model.ts";
import { completeRecipe } from "../../src/engine/recipe.ts";
import { buildTransformer } from "../../src/engine/transformer.ts";
import { openVaeDecoder, positionsAtOnce } from "../../src/engine/vae-decoder.ts";
import { type AnyTensor, createSession, isOnDevice, openDevice } from "../../src/onnx/index.ts";
import { somePass, velocityOf, waves } from "../support/some-pass.ts";
import { checkpoint, drawnByBoth, drawsLikeTheProcessor, small, worst } from "./draws-like-the-processor.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 }); // every shader is compiled in software

const driver = process.env.INKSTONE_TEST_WEBGPU;
if (driver !== undefined) process.env.VK_DRIVER_FILES = driver;

describe.skipIf(driver === undefined)("on WebGPU", () => {
  drawsLikeTheProcessor("float32", { plain: 2, lowBit: 16 });

  test("the bundled checkpoint", async () => {
    const params = { prompt: 'a sign that says "TEA"', width: 64, height: 64, steps: 2, seed: 3n };
    expect(worst(...(await drawnByBoth(bundledCheckpoint, params, await openDevice("webgpu"))))).toBeLessThanOrEqual(2);
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
    const latents = waves(1, 16, 8, 56);
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
      // The scores of a head at 17,956 tokens: 1.29 GB in one buffer. SwiftShader refused 1.16 GB and gave 0.58 GB.
      await expect(draw(2144)).rejects.toThrow(/webgpu failed: its memory does not suffice: the transformer graph/);
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
