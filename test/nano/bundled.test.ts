/** What people may rely on with the bundled checkpoint: named colours at every aspect, negative prompts, starting pictures and masks. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type GenerateParams, Pipeline } from "../../src/engine/index.ts";
import type { RgbImage } from "../../src/pictures/index.ts";

type Rgb = readonly [red: number, green: number, blue: number];

/** As models/nano/recipe/drawing.py draws them. */
const COLOURS: Record<string, Rgb> = {
  white: [250, 250, 248],
  black: [22, 22, 24],
  red: [206, 32, 38],
  yellow: [250, 214, 48],
  green: [46, 150, 66],
  teal: [16, 128, 128],
  blue: [38, 92, 204],
  purple: [112, 52, 160],
  pink: [246, 154, 186],
  brown: [112, 70, 38],
};

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await Pipeline.load("models/nano");
});
afterAll(() => pipeline.dispose());

async function draw(params: Partial<GenerateParams> & { prompt: string }): Promise<RgbImage> {
  const [image] = await pipeline.generate({ width: 128, height: 128, steps: 12, seed: 7n, ...params });
  return image!;
}

const sizes = ["128x128", "256x256", "320x192", "192x320", "336x192", "384x160", "160x384", "512x128"];
test.each(sizes)("generates background and sign in the colours of the prompt at %s", async (size) => {
  const [width, height] = size.split("x").map(Number) as [number, number];
  const image = await draw({
    prompt: 'A red sign that says "TEA" in white letters on a blue background',
    width,
    height,
  });
  expect(nearest(background(image))).toBe("blue");
  expect(nearest(sign(image))).toBe("red");
});

describe("negative prompts", () => {
  test("remove a colour that is there without them", async () => {
    let kept = 0;
    const seeds = [1n, 2n, 3n, 4n, 5n, 6n];
    for (const seed of seeds) {
      const ask = { prompt: 'A sign that says "TEA"', seed };
      const colour = nearest(background(await draw(ask)));
      const without = await draw({ ...ask, negativePrompt: `A sign that says "TEA" on a ${colour} background` });
      if (nearest(background(without)) === colour) kept += 1;
    }
    expect(kept).toBeLessThan(seeds.length / 2);
  });
});

describe("seed images", () => {
  const prompt = 'A yellow sign that says "TEA" in black letters on a green background';
  let start: RgbImage;
  beforeAll(async () => {
    start = await draw({ prompt: 'A white sign that says "TEA" in black letters on a purple background' });
  });

  test("stay at a low strength and give way at a high one", async () => {
    const drawn: RgbImage[] = [];
    for (const strength of [0.2, 0.6, 1]) drawn.push(await draw({ prompt, image: start, strength }));
    const away = drawn.map((image) => difference(image, start));
    expect(away).toEqual([...away].sort((a, b) => a - b));
    expect(nearest(background(drawn[0]!))).toBe("purple");
    expect(nearest(background(drawn[2]!))).toBe("green");
  });

  test("take new colours where the mask is white and keep theirs where it is black", async () => {
    const { width, height } = start;
    const pixels = Uint8Array.from({ length: width * height }, (_, i) => (i < (width * height) / 2 ? 0 : 255));
    const image = await draw({ prompt, image: start, strength: 1, mask: { width, height, pixels } });
    const rows = (from: number, to: number) => mean(image, 0, from, width, to);
    expect(nearest(rows(0, 6))).toBe("purple");
    expect(nearest(rows(height - 6, height))).toBe("green");
  });
});

/** The four corners. */
function background(image: RgbImage): Rgb {
  const { width, height } = image;
  const corners = [0, width - 6].flatMap((x) => [0, height - 6].map((y) => mean(image, x, y, x + 6, y + 6)));
  return [0, 1, 2].map((c) => corners.map((rgb) => rgb[c]!).sort((a, b) => a - b)[1]!) as unknown as Rgb;
}

/** Between the sign's left edge and the lettering. */
function sign(image: RgbImage): Rgb {
  const { width, height } = image;
  return mean(image, 0.07 * width, 0.45 * height, 0.1 * width, 0.55 * height);
}

function mean({ width, pixels }: RgbImage, ...box: [number, number, number, number]): Rgb {
  const [left, top, right, bottom] = box.map(Math.round) as [number, number, number, number];
  const sum: [number, number, number] = [0, 0, 0];
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) for (const c of [0, 1, 2] as const) sum[c] += pixels[(y * width + x) * 3 + c]!;
  }
  const count = (right - left) * (bottom - top);
  return sum.map((total) => total / count) as unknown as Rgb;
}

function nearest(rgb: Rgb): string {
  const away = (name: string) => COLOURS[name]!.reduce((sum, value, c) => sum + Math.abs(value - rgb[c]!), 0);
  return Object.keys(COLOURS).reduce((best, name) => (away(name) < away(best) ? name : best));
}

/** Mean difference of two pictures' 8-bit values. */
function difference(a: RgbImage, b: RgbImage): number {
  return a.pixels.reduce((sum, value, i) => sum + Math.abs(value - b.pixels[i]!), 0) / a.pixels.length;
}
