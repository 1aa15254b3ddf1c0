import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { paintingEngine } from "../../test/support/painting-engine.ts";
import { seededRandom } from "../../test/support/random.ts";
import type { GrayImage, RgbImage } from "../pictures/index.ts";
import { draw } from "./draw.ts";
import type { Drawing } from "./drawing.ts";

const noise = (width: number, height: number): RgbImage => ({
  width,
  height,
  pixels: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7919) % 251),
});
const base: Drawing = { prompt: "a sign", width: 128, height: 96, seed: 5n };

test("an image above the model's budget is generated smaller and returned at the requested size", async () => {
  const engine = paintingEngine();
  const [image] = await draw(engine, { ...base, width: 512, height: 512 }, { maxPixels: 65536 });
  expect(engine.asked[0]).toMatchObject({ width: 256, height: 256, prompt: "a sign" });
  expect(image).toMatchObject({ width: 512, height: 512, seed: 5n });
  expect([...image!.pixels.subarray(0, 3)]).toEqual([255, 0, 0]);
});

test("strength 0 returns the seed image without running the engine", async () => {
  const engine = paintingEngine();
  const image = noise(128, 96);
  const images = await draw(engine, { ...base, image, strength: 0, count: 2 });
  expect(engine.asked).toEqual([]);
  expect(images.map(({ seed }) => seed)).toEqual([5n, 6n]);
  expect(images[1]!.pixels).toEqual(image.pixels);
});

describe("masks", () => {
  const rectangle = fc.record({
    x: fc.nat(120),
    y: fc.nat(88),
    w: fc.integer({ min: 1, max: 60 }),
    h: fc.integer({ min: 1, max: 60 }),
  });
  const maskOf = ({ x, y, w, h }: { x: number; y: number; w: number; h: number }): GrayImage => ({
    width: 128,
    height: 96,
    pixels: Uint8Array.from({ length: 128 * 96 }, (_, i) => {
      const [column, row] = [i % 128, Math.floor(i / 128)];
      return column >= x && column < x + w && row >= y && row < y + h ? 255 : 0;
    }),
  });

  test("kept pixels are identical, for any mask, margin and budget", async () => {
    await fc.assert(
      fc.asyncProperty(
        rectangle,
        fc.option(fc.integer({ min: 32, max: 128 })),
        fc.constantFrom(undefined, 4096),
        async (area, maskMargin, maxPixels) => {
          const image = noise(128, 96);
          const mask = maskOf(area);
          const drawing = { ...base, image, mask, ...(maskMargin !== null && { maskMargin }) };
          const [result] = await draw(paintingEngine(), drawing, maxPixels === undefined ? {} : { maxPixels });
          const changed = [...mask.pixels.keys()].filter(
            (i) => !mask.pixels[i] && [0, 1, 2].some((c) => result!.pixels[3 * i + c] !== image.pixels[3 * i + c]),
          );
          expect(changed).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("the same for any image size and any shape of the mask", async () => {
    const side = fc.integer({ min: 1, max: 10 }).map((cells) => 16 * cells);
    await fc.assert(
      fc.asyncProperty(
        side,
        side,
        fc.nat(1000),
        fc.integer({ min: 1, max: 40 }),
        async (width, height, start, rare) => {
          const random = seededRandom(start);
          const values = Uint8Array.from({ length: width * height }, () =>
            random() * rare < 1 ? 8 + random() * 248 : 0,
          );
          values[0] = 255;
          const image = noise(width, height);
          const mask = { width, height, pixels: values };
          const [result] = await draw(paintingEngine(), { ...base, width, height, image, mask });
          const same = (i: number) => [0, 1, 2].every((c) => result!.pixels[3 * i + c] === image.pixels[3 * i + c]);
          expect([...values.keys()].filter((i) => values[i] === 0 && !same(i))).toEqual([]);
          expect(same(0)).toBe(false);
        },
      ),
      { numRuns: 40 },
    );
  });

  test("the inside of the mask is repainted, and the engine may change every touched cell", async () => {
    const engine = paintingEngine();
    const mask = maskOf({ x: 30, y: 30, w: 40, h: 40 });
    const [result] = await draw(engine, { ...base, image: noise(128, 96), mask });
    const middle = 50 * 128 + 50;
    expect([...result!.pixels.subarray(3 * middle, 3 * middle + 3)]).toEqual([255, 0, 0]);
    const released = engine.asked[0]!.mask!;
    expect(released.pixels[24 * 128 + 24]).toBe(255);
    expect(released.pixels[23 * 128 + 24]).toBe(0);
  });

  test.each([1, 2, 3, 5])("a stroke %s pixels wide is repainted along its middle", async (w) => {
    const mask = maskOf({ x: 30, y: 20, w, h: 50 });
    const [result] = await draw(paintingEngine(), { ...base, image: noise(128, 96), mask });
    const middle = 45 * 128 + 30 + Math.floor((w - 1) / 2);
    expect([...result!.pixels.subarray(3 * middle, 3 * middle + 3)]).toEqual([255, 0, 0]);
  });

  test("an empty mask and a mask without an image are refused by name", async () => {
    const mask = { width: 8, height: 8, pixels: new Uint8Array(64) };
    const refusal = draw(paintingEngine(), { ...base, image: noise(8, 8), mask });
    await expect(refusal).rejects.toMatchObject({ parameter: "maskImage" });
    await expect(draw(paintingEngine(), { ...base, mask })).rejects.toMatchObject({ parameter: "seedImage" });
  });

  test("a margin enlarges: the engine gets the masked part at full size", async () => {
    const engine = paintingEngine();
    const image: RgbImage = { ...noise(128, 96), pixels: new Uint8Array(128 * 96 * 3).fill(9) };
    image.pixels.fill(200, (40 * 128 + 60) * 3, (40 * 128 + 64) * 3);
    await draw(engine, { ...base, image, mask: maskOf({ x: 60, y: 40, w: 4, h: 1 }), maskMargin: 32 });
    const shown = engine.asked[0]!.image!;
    expect(shown).toMatchObject({ width: 128, height: 96 });
    expect(shown.pixels.filter((value) => value > 100).length).toBeGreaterThan(4 * 3);
  });
});

describe("outpaint", () => {
  const sides = { top: 16, right: 0, bottom: 0, left: 32, blur: 8 };

  test("the original stays outside the blur band, the new area is new", async () => {
    const source = noise(96, 80);
    const [result] = await draw(paintingEngine(), { ...base, image: source, outpaint: sides });
    for (let y = 8; y < 80; y++) {
      const row = result!.pixels.subarray(((y + 16) * 128 + 32 + 8) * 3, ((y + 16) * 128 + 128) * 3);
      expect(Buffer.compare(row, source.pixels.subarray((y * 96 + 8) * 3, (y + 1) * 96 * 3))).toBe(0);
    }
    expect([...result!.pixels.subarray(0, 3)]).toEqual([255, 0, 0]);
  });

  test("a side in steps of 8 has no seam at edges that are not extended", async () => {
    const [width, height] = [136, 104];
    const source = noise(128, 104);
    const outpaint = { top: 0, right: 0, bottom: 0, left: 8, blur: 16 };
    const engine = paintingEngine();
    const [result] = await draw(engine, { ...base, width, height, image: source, outpaint });
    expect(engine.asked[0]).toMatchObject({ width: 144, height: 112 });
    expect(result).toMatchObject({ width, height });
    for (let y = 0; y < height; y++) {
      const row = result!.pixels.subarray((y * width + 8 + 16) * 3, (y + 1) * width * 3);
      expect(Buffer.compare(row, source.pixels.subarray((y * 128 + 16) * 3, (y + 1) * 128 * 3))).toBe(0);
    }
  });

  test("sizes that do not add up are refused with the expected number", async () => {
    const refusal = draw(paintingEngine(), { ...base, image: noise(90, 80), outpaint: sides });
    await expect(refusal).rejects.toThrow(/width is 128; with outpaint it must be 122/);
  });
});

describe("sizes in steps of 8", () => {
  const side = fc.integer({ min: 16, max: 32 }).map((eights) => 8 * eights);
  const size = fc.record({ width: side, height: side });

  test("are returned as requested; kept pixels are identical, for any mask, margin and budget", async () => {
    const options = fc.record({
      maskMargin: fc.option(fc.integer({ min: 32, max: 128 }), { nil: undefined }),
      maxPixels: fc.constantFrom(undefined, 16_384),
      corner: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(size, options, async ({ width, height }, { maskMargin, maxPixels, corner }) => {
        const image = noise(width, height);
        const [left, top] = corner ? [width - 20, height - 20] : [10, 12];
        const inside = (i: number) => {
          const [x, y] = [i % width, Math.floor(i / width)];
          return x >= left && x < left + 20 && y >= top && y < top + 20;
        };
        const mask = {
          width,
          height,
          pixels: Uint8Array.from({ length: width * height }, (_, i) => (inside(i) ? 255 : 0)),
        };
        const engine = paintingEngine();
        const control = { folder: "", image: noise(50, 40), weight: 1, start: 0, end: 1 } as never;
        const drawing = { ...base, width, height, image, mask, maskMargin, controls: [control] };
        const [result] = await draw(engine, drawing, { maxPixels });
        expect(result).toMatchObject({ width, height });
        expect(result!.pixels).toHaveLength(width * height * 3);
        const asked = engine.asked[0]!;
        expect([asked.width! % 16, asked.height! % 16]).toEqual([0, 0]);
        for (const part of [asked.image, asked.mask, asked.controls![0]!.image]) {
          expect(part).toMatchObject({ width: asked.width, height: asked.height });
        }
        const differs = (i: number) => [0, 1, 2].some((c) => result!.pixels[3 * i + c] !== image.pixels[3 * i + c]);
        expect([...mask.pixels.keys()].filter((i) => !inside(i) && differs(i))).toEqual([]);
        const middle = (top + 10) * width + left + 10;
        expect([...result!.pixels.subarray(3 * middle, 3 * middle + 3)]).toEqual([255, 0, 0]);
      }),
      { numRuns: 40 },
    );
  });

  test("the engine's input keeps its place: only the last pixels are repeated beyond it", async () => {
    const engine = paintingEngine();
    const [width, height] = [136, 152];
    const image = noise(width, height);
    await draw(engine, { ...base, width, height, image, strength: 0.5 });
    const seen = engine.asked[0]!.image!;
    expect(seen).toMatchObject({ width: 144, height: 160 });
    for (const [x, y] of [
      [0, 0],
      [135, 151],
      [143, 20],
      [70, 159],
      [143, 159],
    ] as const) {
      const from = (Math.min(y, height - 1) * width + Math.min(x, width - 1)) * 3;
      expect(seen.pixels.subarray((y * 144 + x) * 3, (y * 144 + x) * 3 + 3)).toEqual(
        image.pixels.subarray(from, from + 3),
      );
    }
  });
});
