import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { paintingEngine } from "../../../test/support/painting-engine.ts";
import { Pipeline } from "../../engine/index.ts";
import type { RgbImage } from "../../pictures/index.ts";
import { type Box, clip, inReadingOrder, overlap } from "./face.ts";
import type { Face } from "./index.ts";
import { faceMask, type Refinement, refineFaces } from "./refine.ts";

const noise = (width: number, height: number): RgbImage => ({
  width,
  height,
  pixels: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7919) % 251),
});

const defaults: Refinement = {
  prompt: "a portrait",
  steps: 20,
  guidance: 8,
  strength: 0.3,
  seed: 40n,
  maskPadding: 5,
  maskBlur: 5,
};
const face = (left: number, top: number, width: number, height: number, score = 0.95): Face => ({
  box: { left, top, width, height },
  score,
});

const reds = ({ pixels }: RgbImage) => pixels.filter((value, i) => i % 3 === 0 && value === 255).length;

/** Pixels that differ although every face's mask is black there. */
function changedOutside(before: RgbImage, after: RgbImage, faces: readonly Face[], refinement: Refinement): number {
  const masks = faces.flatMap(({ box }) => faceMask(box, refinement, before) ?? []);
  let changed = 0;
  for (let i = 0; i < before.width * before.height; i++) {
    if (masks.some(({ pixels }) => pixels[i]! > 0)) continue;
    for (let c = 3 * i; c < 3 * i + 3; c++) if (before.pixels[c] !== after.pixels[c]) changed++;
  }
  return changed;
}

describe("with an engine that paints red", () => {
  test("the part around a face is generated at the requested size, and only its mask changes", async () => {
    const engine = paintingEngine();
    const image = noise(256, 128);
    const faces = [face(40, 30, 20, 20)];
    const refinement = { ...defaults, workingSide: 1000 };
    const refined = await refineFaces(engine, image, faces, refinement);
    expect(engine.asked[0]).toMatchObject({ width: 1008, height: 496 });
    expect(engine.asked[0]!.image).toMatchObject({ width: 1008, height: 496 });
    expect(changedOutside(image, refined, faces, refinement)).toBe(0);
    expect(reds(refined)).toBeGreaterThan(100);
    await refineFaces(engine, image, faces, refinement, { maxPixels: 65_536 });
    expect(engine.asked[1]!.width! * engine.asked[1]!.height!).toBeLessThanOrEqual(65_536);
  });

  test("an editing model receives the part that it replaces, other models receive nothing", async () => {
    const engine = paintingEngine();
    const image = noise(128, 96);
    await refineFaces(engine, image, [face(40, 30, 20, 20)], { ...defaults, edits: true });
    await refineFaces(engine, image, [face(40, 30, 20, 20)], defaults);
    expect(engine.asked[0]!.references).toEqual([engine.asked[0]!.image]);
    expect(engine.asked[1]!.references).toEqual([]);
  });

  test("only the masked region differs, for any faces, border or not", async () => {
    const position = fc.integer({ min: -40, max: 150 });
    const side = fc.integer({ min: 1, max: 60 });
    const anyFace = fc.record({ left: position, top: position, width: side, height: side });
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyFace, { maxLength: 3 }),
        fc.nat(20),
        fc.nat(100),
        fc.constantFrom(undefined, 4096),
        async (boxes, maskPadding, maskBlur, maxPixels) => {
          const image = noise(128, 96);
          const faces = boxes.map((box) => ({ box, score: 0.9 }));
          const refinement = { ...defaults, maskPadding, maskBlur };
          const result = await refineFaces(paintingEngine(), image, faces, refinement, maxPixels ? { maxPixels } : {});
          expect(changedOutside(image, result, faces, refinement)).toBe(0);
        },
      ),
      { numRuns: 40 },
    );
  });

  test("the face itself is new, up to the border of the image", async () => {
    const image = noise(128, 96);
    const result = await refineFaces(paintingEngine(), image, [face(-10, 70, 40, 40)], defaults);
    const at = (x: number, y: number) => [...result.pixels.subarray((y * 128 + x) * 3, (y * 128 + x) * 3 + 3)];
    for (const [x, y] of [
      [0, 95],
      [0, 75],
      [15, 85],
      [29, 95],
    ] as const)
      expect(at(x, y)).toEqual([255, 0, 0]);
  });

  test("across the blur, the new face blends into the old image as the mask defines", async () => {
    const image = noise(128, 96);
    const refinement = { ...defaults, maskBlur: 20 };
    const faces = [face(50, 40, 20, 20)];
    const result = await refineFaces(paintingEngine(), image, faces, refinement);
    const mask = faceMask(faces[0]!.box, refinement, image)!;
    const wrong = [...mask.pixels].filter((value, i) => {
      if (value < 60) return false; // next to the black the new picture's own seam shows
      const red = [255, 0, 0].map((fresh, c) => {
        const old = image.pixels[3 * i + c]!;
        return Math.round(old + (value / 255) * (fresh - old));
      });
      return red.some((expected, c) => expected !== result.pixels[3 * i + c]);
    });
    expect(wrong).toEqual([]);
    expect(mask.pixels.filter((value) => value >= 60 && value < 255).length).toBeGreaterThan(500);
  });

  test("several faces are refined from left to right, each with a separate seed", async () => {
    const engine = paintingEngine();
    const seen: unknown[] = [];
    await refineFaces(engine, noise(256, 128), [face(180, 40, 30, 30, 0.99), face(40, 40, 30, 30)], defaults, {
      onStep: ({ face, faces, step, steps }) => void seen.push([face, faces, step, steps]),
    });
    expect(engine.asked.map(({ seed }) => seed)).toEqual([40n, 41n]);
    expect(engine.asked[0]).toMatchObject({ prompt: "a portrait", steps: 20, guidance: 8, strength: 0.3 });
    expect(seen).toEqual([0, 1].flatMap((index) => [1, 2, 3, 4, 5, 6].map((step) => [index, 2, step, 6])));
    // The second crop shows the second face's surroundings, where the first has not been.
    expect(engine.asked[1]!.image).toMatchObject({ width: 256, height: 128 });
  });

  test("of overlapping faces, the right one is rendered last and from the new left one, in any order of detection", async () => {
    const faces = [face(40, 40, 30, 30, 0.99), face(60, 40, 30, 30, 0.91)];
    const [found, reversed] = [paintingEngine(), paintingEngine()];
    const image: RgbImage = { width: 128, height: 96, pixels: new Uint8Array(128 * 96 * 3) };
    const result = await refineFaces(found, image, faces, defaults);
    expect(await refineFaces(reversed, image, faces.toReversed(), defaults)).toEqual(result);
    expect(reversed.asked).toEqual(found.asked);
    expect(reds(found.asked[0]!.image!)).toBe(0);
    expect(reds(found.asked[1]!.image!)).toBeGreaterThan(500);
  });

  test("each face is enlarged to the model's full size, within its budget", async () => {
    const engine = paintingEngine();
    await refineFaces(engine, noise(512, 512), [face(100, 100, 20, 20)], defaults, { maxPixels: 65_536 });
    expect(engine.asked[0]).toMatchObject({ width: 256, height: 256 });
    const released = engine.asked[0]!.mask!.pixels.filter((value) => value === 255).length;
    // A face of 20 pixels with 5 + 5 around it and 32 of context fills (30/104)² of the crop.
    expect(released / 65_536).toBeGreaterThan(0.08);
  });

  test("no faces, faces outside the image and strength 0 leave the image unchanged, without a run", async () => {
    const engine = paintingEngine();
    const image = noise(128, 96);
    expect((await refineFaces(engine, image, [], defaults)).pixels).toEqual(image.pixels);
    expect((await refineFaces(engine, image, [face(200, 5, 9, 9)], defaults)).pixels).toEqual(image.pixels);
    const still = { ...defaults, strength: 0 };
    expect((await refineFaces(engine, image, [face(20, 20, 30, 30)], still)).pixels).toEqual(image.pixels);
    expect(engine.asked).toEqual([]);
  });

  test("an abort stops before the next face", async () => {
    const engine = paintingEngine();
    const abort = new AbortController();
    const refining = refineFaces(engine, noise(128, 96), [face(10, 10, 20, 20), face(60, 10, 20, 20)], defaults, {
      signal: abort.signal,
      onStep: () => abort.abort(new Error("enough")),
    });
    await expect(refining).rejects.toThrow("enough");
    expect(engine.asked.length).toBe(1);
  });
});

describe("with a checkpoint", () => {
  const loading = Pipeline.load("test/fixtures/plain/checkpoint");
  afterAll(async () => (await loading).dispose());
  const image = noise(128, 96);
  const faces = [face(20, 30, 24, 28), face(110, 5, 30, 30)];

  test("the same seed gives the same image, another seed another; only the masked region differs", async () => {
    const pipeline = await loading;
    const first = await refineFaces(pipeline, image, faces, defaults);
    expect(changedOutside(image, first, faces, defaults)).toBe(0);
    expect(first.pixels).not.toEqual(image.pixels);
    expect(await refineFaces(pipeline, image, faces, defaults)).toEqual(first);
    expect((await refineFaces(pipeline, image, faces, { ...defaults, seed: 41n })).pixels).not.toEqual(first.pixels);
  });

  test("prompt, guidance, steps and strength all have an effect", async () => {
    const pipeline = await loading;
    const first = await refineFaces(pipeline, image, faces, defaults);
    const others: Partial<Refinement>[] = [
      { prompt: "a red fox" },
      { negativePrompt: "blurred" },
      { guidance: 1 },
      { steps: 10 },
      { strength: 0.8 },
    ];
    for (const other of others) {
      const result = await refineFaces(pipeline, image, faces, { ...defaults, ...other });
      expect([other, Buffer.compare(result.pixels, first.pixels) !== 0]).toEqual([other, true]);
    }
  });
});

const picture = { width: 48, height: 40 };
const coordinate = fc.double({ min: -60, max: 60, noNaN: true });
const side = fc.double({ min: 0.01, max: 70, noNaN: true });
const anyBox = fc.record({ left: coordinate, top: coordinate, width: side, height: side });
const shape = fc.record({ maskPadding: fc.nat(20), maskBlur: fc.nat(100) });

/** Distance in pixels from a pixel to the pixels that the box touches, taken along each axis. */
function away(x: number, y: number, { left, top, width, height }: Box) {
  const dx = Math.max(Math.floor(left) - x, 0, x - (Math.ceil(left + width) - 1));
  const dy = Math.max(Math.floor(top) - y, 0, y - (Math.ceil(top + height) - 1));
  return [dx, dy] as const;
}

test("white over the box and its padding, black beyond the blur, grey only between", () => {
  fc.assert(
    fc.property(anyBox, shape, (box, { maskPadding, maskBlur }) => {
      const inside = clip(box, picture);
      const mask = faceMask(box, { maskPadding, maskBlur }, picture);
      expect(mask === undefined).toBe(inside === undefined);
      if (!mask || !inside) return;
      expect(mask.pixels.length).toBe(picture.width * picture.height);
      const wrong = [...mask.pixels].filter((value, i) => {
        const [dx, dy] = away(i % picture.width, Math.floor(i / picture.width), inside);
        if (Math.max(dx, dy) <= maskPadding) return value !== 255;
        return Math.max(dx, dy) > maskPadding + maskBlur && value !== 0;
      });
      expect(wrong).toEqual([]);
    }),
  );
});

test("the mask never gets lighter away from the face; more blur or padding never darkens it", () => {
  fc.assert(
    fc.property(anyBox, shape, (box, given) => {
      const mask = faceMask(box, given, picture);
      if (!mask) return;
      const rows = Array.from({ length: picture.height }, (_, y) => [
        ...mask.pixels.subarray(y * picture.width, (y + 1) * picture.width),
      ]);
      for (const row of rows) {
        const [first, last] = [row.indexOf(Math.max(...row)), row.lastIndexOf(Math.max(...row))];
        const wrong = row.filter(
          (value, x) => x > 0 && (x <= first ? value < row[x - 1]! : x > last && value > row[x - 1]!),
        );
        expect(wrong).toEqual([]);
      }
      const softer = faceMask(box, { ...given, maskBlur: given.maskBlur + 1 }, picture)!;
      const wider = faceMask(box, { ...given, maskPadding: given.maskPadding + 1 }, picture)!;
      expect(mask.pixels.some((value, i) => softer.pixels[i]! < value || wider.pixels[i]! < value)).toBe(false);
    }),
  );
});

test("without blur, the mask is exactly the padded box", () => {
  const mask = faceMask({ left: 10.4, top: 8, width: 5.2, height: 4 }, { maskPadding: 2, maskBlur: 0 }, picture)!;
  const white = [...mask.pixels].flatMap((value, i) => (value ? [[i % 48, Math.floor(i / 48), value]] : []));
  expect(white.length).toBe((16 + 2 - 8) * (12 + 2 - 6)); // columns 8…17, rows 6…13
  expect(white[0]).toEqual([8, 6, 255]);
  expect(white.at(-1)).toEqual([17, 13, 255]);
});

test("overlap is symmetric, 1 with itself, 0 for separate boxes", () => {
  fc.assert(
    fc.property(anyBox, anyBox, (a, b) => {
      expect(overlap(a, b)).toBeCloseTo(overlap(b, a), 9);
      expect(overlap(a, b)).toBeGreaterThanOrEqual(0);
      expect(overlap(a, b)).toBeLessThanOrEqual(1 + 1e-9);
      expect(overlap(a, a)).toBeCloseTo(1, 6);
    }),
  );
  expect(overlap({ left: 0, top: 0, width: 9, height: 9 }, { left: 9, top: 0, width: 9, height: 9 })).toBe(0);
  expect(overlap({ left: 0, top: 0, width: 2, height: 2 }, { left: 1, top: 0, width: 2, height: 2 })).toBeCloseTo(
    1 / 3,
  );
});

test("faces are ordered from left to right, whatever their scores", () => {
  const at = (left: number, score: number) => ({ box: { left, top: 0, width: 1, height: 1 }, score });
  expect(inReadingOrder([at(9, 0.99), at(1, 0.9), at(5, 0.95)]).map(({ box }) => box.left)).toEqual([1, 5, 9]);
});

test("it fades smoothly, slowly at both ends", () => {
  const mask = faceMask({ left: 0, top: 0, width: 4, height: 40 }, { maskPadding: 0, maskBlur: 3 }, picture)!;
  expect([...mask.pixels.subarray(20 * 48 + 2, 20 * 48 + 9)]).toEqual([255, 255, 215, 128, 40, 0, 0]);
});
