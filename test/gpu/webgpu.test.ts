/**
 * The engine on a WebGPU device: pictures equal the processor's within 2 of 255. Without a GPU the device is SwiftShader, a
 * Vulkan driver in software: INKSTONE_TEST_WEBGPU names its manifest.
 */

import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type GenerateParams, Pipeline } from "../../src/engine/index.ts";

const checkpoint = fileURLToPath(new URL("../fixtures/plain/checkpoint", import.meta.url));
const fixture = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));

const small = { prompt: "a red square", width: 64, height: 64, steps: 2, seed: 5n } satisfies GenerateParams;
const gray = { width: 64, height: 64, pixels: new Uint8Array(64 * 64 * 3).fill(120) };
const half = { width: 64, height: 64, pixels: Uint8Array.from({ length: 64 * 64 }, (_, i) => (i % 64 < 32 ? 255 : 0)) };

const CASES: readonly [string, Partial<GenerateParams>][] = [
  ["text to image", {}],
  ["an odd size", { width: 80, height: 48 }],
  ["image to image with a mask", { image: gray, mask: half, strength: 1 }],
  ["a LoRA", { loras: [{ file: fixture("lora/files/peft.safetensors") }] as never }],
];

const driver = process.env.INKSTONE_TEST_WEBGPU;
if (driver !== undefined) process.env.VK_DRIVER_FILES = driver;

describe.skipIf(driver === undefined)("on WebGPU", () => {
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
    const differences = wanted!.pixels.map((value, i) => Math.abs(value - drawn!.pixels[i]!));
    expect(Math.max(...differences)).toBeLessThanOrEqual(2);
  });
});
