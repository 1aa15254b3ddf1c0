import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type GeneratedImage, type GenerateParams, Pipeline } from "../../src/engine/index.ts";
import { type OpenedDevice, openDevice } from "../../src/onnx/index.ts";
import { makeCheckpoint, type Synthetic, smallWidths } from "../support/synthetic-checkpoint.ts";

const fixture = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
export const checkpoint = fixture("odd/checkpoint");

export const small = { prompt: "a red square", width: 32, height: 32, steps: 2, seed: 5n } satisfies GenerateParams;
const gray = { width: 32, height: 32, pixels: new Uint8Array(32 * 32 * 3).fill(120) };
const half = { width: 32, height: 32, pixels: Uint8Array.from({ length: 32 * 32 }, (_, i) => (i % 32 < 16 ? 255 : 0)) };
const halfGrey = { ...half, pixels: half.pixels.map((value, i) => (i % 32 < 8 ? 128 : value)) };
const net = { folder: fixture("controlnet/union"), image: gray };
const taylor = { firstBlocks: 1, lastBlocks: 1, taylorOrder: 1 };
const cache = { threshold: 1e9, start: 1, end: 4 };

/** Images of one checkpoint, by what they use. */
const CASES = {
  "text to image": {},
  "an odd size": { width: 48, height: 32 },
  "image to image": { image: gray, strength: 0.6, steps: 3 },
  "image to image with a mask": { image: gray, mask: half, strength: 1 },
  "a grey mask, with a solver that corrects": { image: gray, mask: halfGrey, steps: 5, scheduler: "UniPC 3M" },
  "a solver that remembers four velocities": { steps: 5, scheduler: "LMS" },
  "a solver with two passes a step and noise": { steps: 3, scheduler: "DPM++ 2M SDE" },
  "two ControlNets": { controls: [net, { ...net, weight: 0.5, mode: "controlnet" }] },
  "a ControlNet": { controls: [net] },
  "First Block Cache": { cache: { kind: "fbCache", ...cache }, steps: 4 },
  "DB Cache": { cache: { kind: "dbCache", ...cache }, steps: 4 },
  "DB Cache with last blocks and Taylor terms": { cache: { kind: "dbCache", ...cache, ...taylor }, steps: 4 },
  TeaCache: { cache: { kind: "teaCache", ...cache }, steps: 4 },
} satisfies Record<string, Partial<GenerateParams>>;

export type Case = keyof typeof CASES;

/** Most that a value of a device's image differs from the processor's, of 255. */
interface Bounds {
  readonly plain: number;
  /** The processor rounds activations of int8 layers and of blocks to 8 bits. A GPU does not. */
  readonly lowBit: number;
}

/** Most that any of 255 levels differs by. */
export function worst(a: GeneratedImage, b: GeneratedImage): number {
  expect(a.pixels.length).toBe(b.pixels.length);
  return a.pixels.reduce((most, value, i) => Math.max(most, Math.abs(value - b.pixels[i]!)), 0);
}

/** Asserts that no value differs by more than `most` of 255, and the mean by little. */
function expectNear(wanted: GeneratedImage, drawn: GeneratedImage, most: number): void {
  expect(worst(wanted, drawn)).toBeLessThanOrEqual(most);
  const total = wanted.pixels.reduce((sum, value, i) => sum + Math.abs(value - drawn.pixels[i]!), 0);
  expect(total / wanted.pixels.length).toBeLessThan(1.5);
}

/** The same image, by the processor in float32 and by a device. */
export async function drawnByBoth(
  folder: string,
  params: GenerateParams,
  opened: OpenedDevice,
): Promise<[cpu: GeneratedImage, gpu: GeneratedImage]> {
  const images: GeneratedImage[] = [];
  for (const device of ["cpu", opened] as const) {
    const pipeline = await Pipeline.load(folder, { device });
    images.push((await pipeline.generate(params))[0]!);
    await pipeline.dispose();
  }
  return images as [GeneratedImage, GeneratedImage];
}

/**
 * Tests that images of WebGPU equal the processor's.
 * @param only these cases; default: all, a LoRA, an edit, and weights in fewer bits
 */
export function drawsLikeTheProcessor(
  precision: "float32" | "float16",
  { plain, lowBit }: Bounds,
  only?: readonly Case[],
): void {
  describe(`images in ${precision}: within ${plain} of 255`, () => {
    let device: OpenedDevice;
    let cpu: Pipeline;
    let gpu: Pipeline;
    beforeAll(async () => {
      device = await openDevice("webgpu", { precision });
      cpu = await Pipeline.load(checkpoint);
      gpu = await Pipeline.load(checkpoint, { device });
    });
    afterAll(() => Promise.all([cpu?.dispose(), gpu?.dispose()]));

    test("the device passed its tests", () => {
      expect(device.note).toMatch(/^webgpu/);
      expect(device.device.precision).toBe(precision);
    });

    test.each(only ?? (Object.keys(CASES) as Case[]))("%s", async (name) => {
      const change: Partial<GenerateParams> = CASES[name];
      const [wanted] = await cpu.generate({ ...small, ...change });
      const [drawn] = await gpu.generate({ ...small, ...change });
      expectNear(wanted!, drawn!, plain);
      expect(drawn!.skippedSteps).toBe(wanted!.skippedSteps);
      if (change.cache) expect(drawn!.skippedSteps).toBeGreaterThan(0);
    });

    test.skipIf(only)("a LoRA", async () => {
      const loras = [{ file: fixture("lora/files/peft.safetensors") }];
      expectNear(...(await drawnByBoth(fixture("plain/checkpoint"), { ...small, loras }, device)), plain);
    });

    test.skipIf(only)("an edit with two references", async () => {
      const references = [gray, { width: 45, height: 80, pixels: new Uint8Array(45 * 80 * 3).fill(200) }];
      const params = { prompt: "make it red", steps: 2, seed: 1n, references, referencePixels: 4096 };
      expectNear(...(await drawnByBoth(fixture("edit-plus/checkpoint"), params, device)), plain);
    });

    test.skipIf(only).each(["int8", "blocks8", "blocks4"] as const)(
      `weights stored in %s: within ${lowBit}`,
      async (form: Synthetic["form"]) => {
        const folder = await mkdtemp(join(tmpdir(), "inkstone-gpu-"));
        onTestFinished(() => rm(folder, { recursive: true }));
        const tokenizer = fixture("edit/checkpoint/tokenizer");
        await makeCheckpoint(folder, { widths: smallWidths(430), blocks: 3, layers: 2, form, tokenizer });
        const [cpu, gpu] = await drawnByBoth(folder, small, device);
        expectNear(cpu, gpu, lowBit);
        expect(new Set(cpu.pixels).size).toBeGreaterThan(50);
      },
    );
  });
}
