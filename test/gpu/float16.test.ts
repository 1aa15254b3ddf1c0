/**
 * Precision `float16` on a WebGPU device that has it: Mesa's lavapipe, a Vulkan driver in software. INKSTONE_TEST_WEBGPU_FLOAT16 names its
 * manifest. It is also a second driver for float32, and one whose fused attention is wrong.
 */

import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { bundledCheckpoint } from "../../src/bundled.ts";
import { openCheckpoint } from "../../src/engine/checkpoint/checkpoint.ts";
import { loadModel } from "../../src/engine/model.ts";
import { buildTransformer } from "../../src/engine/transformer.ts";
import {
  attention,
  createSession,
  type Device,
  EXACT,
  Graph,
  type HostTensor,
  linear,
  NO_WEIGHTS,
  type OpenedDevice,
  openDevice,
} from "../../src/onnx/index.ts";
import type { LinearOptions } from "../../src/onnx/linear.ts";
import { openWeights } from "../../src/weights/index.ts";
import { relativeError } from "../support/relative-error.ts";
import { writeSafetensors } from "../support/safetensors.ts";
import { somePass, velocityOf, waves } from "../support/some-pass.ts";
import { makeCheckpoint, smallWidths } from "../support/synthetic-checkpoint.ts";
import { checkpoint, drawnByBoth, drawsLikeTheProcessor, worst } from "./draws-like-the-processor.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 }); // every shader is compiled in software

const driver = process.env.INKSTONE_TEST_WEBGPU_FLOAT16;
if (driver !== undefined) process.env.VK_DRIVER_FILES = driver;

describe.skipIf(driver === undefined)("on WebGPU with float16", () => {
  let folder: string;
  let exact: OpenedDevice;
  let half: OpenedDevice;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "inkstone-float16-"));
    exact = await openDevice("webgpu");
    half = await openDevice("webgpu", { precision: "auto" });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test("its fused attention is wrong: the self-test finds that and takes the way out", () => {
    expect(exact.device).toMatchObject({ attention: "written out", precision: "float32" });
    expect(exact.note).toMatch(/^webgpu, attention written out \(the fused operator has an error of \d+\.\d %\)$/);
    expect(half.device).toMatchObject({ attention: "written out", precision: "float16" });
    expect(half.note).toBe(`${exact.note}, products in float16`);
  });

  // Measured: 20, of an edit; rounding alone gives 3 (test/golden/float16.test.ts). The device also adds up in float16.
  drawsLikeTheProcessor("float16", { plain: 24, lowBit: 16 });
  drawsLikeTheProcessor("float32", { plain: 2, lowBit: 16 }, ["text to image", "a ControlNet", "DB Cache"]);

  test("the bundled checkpoint writes the same letters", async () => {
    const params = { prompt: 'a sign that says "TEA"', width: 128, height: 128, steps: 4, seed: 3n };
    const [cpu, gpu] = await drawnByBoth(bundledCheckpoint, params, half);
    expect(worst(cpu, gpu)).toBeLessThanOrEqual(24);
    const total = cpu.pixels.reduce((sum, value, i) => sum + Math.abs(value - gpu.pixels[i]!), 0);
    expect(total / cpu.pixels.length).toBeLessThan(1.5);
  });

  // Softmax of WebGPU is silently wrong by 17 % beyond 134 MB on this adapter: the scores of a head at 5,900 tokens take 139 MB.
  // In float16 the device adds up 5,900 products for each value: measured 1.2 %.
  test.each([
    [24, 64],
    [1, 5900],
  ])("attention written out: %d heads, %d tokens", async (heads, tokens) => {
    const wanted = await attended(EXACT, heads, tokens);
    expect(relativeError(await attended(exact.device, heads, tokens), wanted)).toBeLessThan(1e-5);
    expect(relativeError(await attended(half.device, heads, tokens), wanted)).toBeLessThan(3e-2);
  });

  test("the velocity shows which numbers were multiplied: 1e-5 in float32, 1e-4 to 5e-3 in float16", async () => {
    const [wanted, single, narrow] = await velocities(checkpoint, [undefined, exact, half]);
    expect(relativeError(single!, wanted!)).toBeLessThan(1e-5);
    expect(relativeError(narrow!, wanted!)).toBeGreaterThan(1e-4);
    expect(relativeError(narrow!, wanted!)).toBeLessThan(5e-3);
  });

  // Narrow are q, k, v and the first layer of the MLP, for image and text, and two products for each of 3 heads. Wide are the layers that add
  // to the streams: the outputs of attention and of the MLP, for image and text.
  test("the device runs the narrow products of a block in float16, and no others", async () => {
    expect(await productsOfABlock(half.device)).toEqual({ float16: 14, float: 4 });
    expect(await productsOfABlock(exact.device)).toEqual({ float: 18 });
  });

  test("a product that exceeds 65,504 is infinite in float16; a wide one is not", async () => {
    const filled = (value: number) => ({ data: new Float32Array(64 * 8).fill(value), dims: [8, 64] });
    const of = async (device: Device, wide: boolean) => (await product(device, filled(64), filled(32), { wide }))[0];
    expect(await of(half.device, false)).toBe(Number.POSITIVE_INFINITY);
    expect(await of(half.device, true)).toBe(64 * 64 * 32);
    expect(await of(exact.device, false)).toBe(64 * 64 * 32);
  });

  test("a product of 3,072 features, as in Qwen-Image, differs by 3 % at most: the device adds up in float16", async () => {
    const x = { data: waves(8, 3072).data.map((value, i) => value + Math.sin(i * i * 0.37)), dims: [8, 3072] };
    const weights = waves(64, 3072);
    const error = relativeError(await product(half.device, x, weights), await product(EXACT, x, weights));
    expect(error).toBeGreaterThan(1e-3);
    expect(error).toBeLessThan(3e-2);
  });

  test("streams and the products added to them far beyond 65,504: the velocity is right", async () => {
    const loud = /^(img_in|txt_in)\.weight$|\.(to_out\.0|to_add_out|net\.2)\.weight$/;
    const tokenizer = fileURLToPath(new URL("../fixtures/edit/checkpoint/tokenizer", import.meta.url));
    const made = join(folder, "loud");
    await makeCheckpoint(made, { widths: smallWidths(430), blocks: 3, layers: 1, form: "plain", loud, tokenizer });
    for (const stream of await streams(made))
      expect(stream.reduce((most, value) => Math.max(most, Math.abs(value)), 0)).toBeGreaterThan(131_008);
    const [wanted, narrow] = await velocities(made, [undefined, half]);
    expect(narrow!.every(Number.isFinite)).toBe(true);
    expect(relativeError(narrow!, wanted!)).toBeGreaterThan(1e-5);
    expect(relativeError(narrow!, wanted!)).toBeLessThan(5e-3);
  });

  /** Attention of heads of 16 features. */
  async function attended(device: Device, heads: number, tokens: number): Promise<Float32Array> {
    const dims = [1, tokens, heads * 16];
    const g = new Graph("attention", NO_WEIGHTS, undefined, device);
    const [q, k, v] = ["q", "k", "v"].map((name) => g.input(name, dims));
    g.output("y", attention(g, q!, k!, v!, { heads, headDim: 16 }), dims);
    const session = await createSession(g.build(), { device });
    const numbers = (phase: number) => ({
      data: waves(...dims).data.map((value, i) => value + Math.sin(i * phase)),
      dims,
    });
    const { y } = await session.run({ q: numbers(1.1), k: numbers(2.3), v: numbers(0.7) });
    await session.release();
    return y!.data;
  }

  /** `x Wᵀ`. x: [n, from]; weights: [to, from] */
  async function product(device: Device, x: HostTensor, weights: HostTensor, options: LinearOptions = {}) {
    const [to, from] = weights.dims as [number, number];
    await writeFile(join(folder, "product.safetensors"), writeSafetensors(new Map([["a.weight", weights]])));
    const g = new Graph("product", await openWeights(folder, "product"), undefined, device);
    g.output("y", linear(g, g.input("x", x.dims), "a", from, to, { ...options, bias: false }), ["n", to]);
    const session = await createSession(g.build(), { device });
    const { y } = await session.run({ x });
    await session.release();
    return y!.data;
  }

  /** Of the same pass, on the processor (undefined) and on devices. */
  async function velocities(made: string, devices: readonly (OpenedDevice | undefined)[]): Promise<Float32Array[]> {
    const found: Float32Array[] = [];
    for (const device of devices) {
      const model = await loadModel(await openCheckpoint(made), device && { device });
      found.push(await velocityOf(model, await somePass(model, 64, 20)));
      await model.dispose();
    }
    return found;
  }

  /** Both streams after each block but the last, on the processor. */
  async function streams(made: string): Promise<Float32Array[]> {
    const model = await loadModel(await openCheckpoint(made));
    const { config, weights } = (await openCheckpoint(made)).transformer;
    const { latents, text, rotary, modulation } = await somePass(model, 64, 20);
    await model.dispose();
    const session = await createSession(buildTransformer(config, weights, { outputBlocks: true }));
    const row = { data: modulation, dims: [modulation.length] };
    const outputs = await session.run<HostTensor>({ latents, text, ...rotary, modulation: row });
    await session.release();
    return Object.entries(outputs).flatMap(([name, { data }]) => (name.startsWith("block/") ? [data] : []));
  }

  /** How many products of matrices of the first block ran on each type of number, by ONNX Runtime's profile. */
  async function productsOfABlock(device: Device): Promise<Record<string, number>> {
    const { config, weights } = (await openCheckpoint(checkpoint)).transformer;
    const model = await loadModel(await openCheckpoint(checkpoint));
    const { latents, text, rotary, modulation } = await somePass(model, 64, 20);
    await model.dispose();
    const part = { stem: false, from: 0, to: 1, head: false };
    const profile = join(folder, `profile-${device.precision}`);
    const session = await createSession(buildTransformer(config, weights, { part, device }), { device, profile });
    const dim = config.num_attention_heads * config.attention_head_dim;
    const stream = (tokens: number): HostTensor => ({
      data: new Float32Array(tokens * dim).fill(1),
      dims: [1, tokens, dim],
    });
    await session.run({
      ...{ "image/in": stream(latents.dims[1]!), "text/in": stream(text.dims[1]!), ...rotary },
      modulation: { data: modulation, dims: [modulation.length] },
    });
    await session.release();
    const [file] = (await readdir(folder)).filter((name) => name.startsWith(`profile-${device.precision}`));
    const events = JSON.parse(await readFile(join(folder, file!), "utf8")) as Event[];
    const counts: Record<string, number> = {};
    for (const { cat, args } of events) {
      if (cat !== "Node" || !/^(Gemm|MatMul)$/.test(args?.op_name ?? "") || !args?.input_type_shape) continue;
      const type = Object.keys(args.input_type_shape[0]!)[0]!;
      counts[type] = (counts[type] ?? 0) + 1;
    }
    return counts;
  }
});

interface Event {
  readonly cat: string;
  readonly args?: { readonly op_name?: string; readonly input_type_shape?: readonly Record<string, unknown>[] };
}
