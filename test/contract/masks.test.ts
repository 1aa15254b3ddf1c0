/** Masks, zoomed masks and outpainting through a whole server: what is kept comes back bit for bit. */

import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { decodeImage, encodeImage, type RgbImage } from "../../src/pictures/index.ts";
import { pngFile } from "../pictures.ts";
import { inference, post } from "./memory-app.ts";
import { type ContractServer, startContractServer } from "./server.ts";

// Real engines on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const SIDE = 128;
const WHITE = 255;
/** The seam: pixels inside the mask that still show some of the old picture. */
const SEAM = 4;

let server: ContractServer;
beforeAll(async () => {
  server = await startContractServer();
});
afterAll(() => server?.stop());

const dataUri = (png: Uint8Array) => `data:image/png;base64,${Buffer.from(png).toString("base64")}`;
const seed: RgbImage = {
  width: SIDE,
  height: SIDE,
  pixels: Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => (i * 7919) % 251),
};
const seedImage = encodeImage(seed, { format: "PNG" }).then(dataUri);

async function ask(changes: object, { strength = 0.9, ...inputs }: { strength?: number; maskImage?: string } = {}) {
  const small = { width: SIDE, height: SIDE, steps: 4, outputFormat: "PNG", seed: 7 };
  const task = { ...small, ...changes, inputs: { seedImage: await seedImage, strength, ...inputs } };
  return post(server.base, [inference(task)], { key: server.key });
}

async function drawn(...request: Parameters<typeof ask>): Promise<RgbImage> {
  const { status, body } = await ask(...request);
  expect(body.errors).toBeUndefined();
  expect(status).toBe(200);
  return decodeImage(new Uint8Array(await (await fetch(body.data[0].imageURL)).arrayBuffer()));
}

type Paint = (x: number, y: number) => number;

/** A grey file of the seed image's size, or another. */
const grey = (paint: Paint, width = SIDE, height = width) =>
  dataUri(pngFile({ width, height, colourType: 0, rows: rows(width, height, (x, y) => [paint(x, y)]) }));

function rows(width: number, height: number, pixel: (x: number, y: number) => number[]): number[][] {
  return Array.from({ length: height }, (_, y) => Array.from({ length: width }, (_, x) => pixel(x, y)).flat());
}

/** How many of the pixels that `where` picks are as in the seed image: all of them, or a share. */
function unchanged(result: RgbImage, where: (x: number, y: number) => boolean): number {
  let [same, all] = [0, 0];
  for (let i = 0; i < SIDE * SIDE; i++) {
    if (!where(i % SIDE, Math.floor(i / SIDE))) continue;
    all += 1;
    if ([0, 1, 2].every((c) => result.pixels[3 * i + c] === seed.pixels[3 * i + c])) same += 1;
  }
  return same / all;
}

const right = (x: number) => x >= 64;
const left = (x: number) => x < 64;
const half: Paint = (x) => (right(x) ? WHITE : 0);

describe("a mask", () => {
  test("white is generated, black kept, and the inverted mask swaps them", async () => {
    const result = await drawn({}, { maskImage: grey(half) });
    expect(unchanged(result, left)).toBe(1);
    expect(unchanged(result, right)).toBeLessThan(0.1);
    const other = await drawn({}, { maskImage: grey((x, y) => WHITE - half(x, y)) });
    expect(unchanged(other, right)).toBe(1);
    expect(unchanged(other, left)).toBeLessThan(0.1);
  });

  test("with maskMargin, too", async () => {
    const disc = (x: number, y: number) => Math.hypot(x - 40, y - 70) < 20;
    const maskImage = grey((x, y) => (disc(x, y) ? WHITE : 0));
    const result = await drawn({ maskMargin: 32 }, { maskImage });
    expect(unchanged(result, (x, y) => !disc(x, y))).toBe(1);
    expect(unchanged(result, (x, y) => Math.hypot(x - 40, y - 70) < 20 - SEAM)).toBeLessThan(0.1);
  });

  test.each([
    ["smaller", 32],
    ["larger, not a multiple", 200],
  ])("of another size, %s, is stretched over the seed image", async (_, side) => {
    const result = await drawn({}, { maskImage: grey((x) => (x >= side / 2 ? WHITE : 0), side) });
    expect(unchanged(result, (x) => x < 64 - Math.ceil(SIDE / side))).toBe(1); // at the border they blend
    expect(unchanged(result, (x) => x >= 64 + SEAM)).toBeLessThan(0.1);
  });

  test("has a value of lightness times opacity", async () => {
    // White all over, and clear on the left.
    const rgba = rows(SIDE, SIDE, (x, y) => [WHITE, WHITE, WHITE, half(x, y)]);
    const clear = dataUri(pngFile({ width: SIDE, height: SIDE, colourType: 6, rows: rgba }));
    expect(await drawn({}, { maskImage: clear })).toEqual(await drawn({}, { maskImage: grey(half) }));
  });

  test("all white is image-to-image", async () => {
    expect(await drawn({}, { maskImage: grey(() => WHITE) })).toEqual(await drawn({}));
  });

  test.each([
    ["all black", () => grey(() => 0)],
    ["as black as JPEG makes it", () => grey((x, y) => (x + y) % 8)],
    [
      "clear all over",
      () => dataUri(pngFile({ width: 2, height: 1, colourType: 6, rows: [[9, 9, 9, 0, 255, 255, 255, 0]] })),
    ],
  ])("%s is refused by name", async (_, maskImage) => {
    const { status, body } = await ask({}, { maskImage: maskImage() });
    expect(status).toBe(400);
    expect(body.error).toMatchObject({
      code: "invalidMaskImage",
      parameter: "inputs.maskImage",
      message: expect.stringContaining("maskImage is black everywhere; paint white over the area to change"),
    });
  });

  test("grey changes less than white, and strength 0 changes nothing", async () => {
    const difference = (result: RgbImage) =>
      result.pixels.reduce((sum, v, i) => sum + Math.abs(v - seed.pixels[i]!), 0);
    const [white, dark] = await Promise.all([WHITE, 90].map((value) => drawn({}, { maskImage: grey(() => value) })));
    expect(difference(dark!)).toBeLessThan(difference(white!));
    expect((await drawn({}, { maskImage: grey(half), strength: 0 })).pixels).toEqual(Buffer.from(seed.pixels));
  });
});

describe("outpaint", () => {
  test.each([
    ["top", 0, 64],
    ["right", 0, 0],
    ["bottom", 0, 0],
    ["left", 64, 0],
  ])("%s: the original is in its place, bit for bit", async (side, x, y) => {
    const size = side === "left" || side === "right" ? { width: SIDE + 64 } : { height: SIDE + 64 };
    const result = await drawn({ outpaint: { [side]: 64 }, ...size });
    expect(result).toMatchObject({ width: SIDE, height: SIDE, ...size });
    expect(unchanged(part(result, x, y), () => true)).toBe(1);
  });

  test("blur replaces a band inside the extended borders", async () => {
    const outpaint = { left: 32, right: 32, blur: 12 };
    const result = part(await drawn({ outpaint, width: SIDE + 64 }), 32, 0);
    expect(unchanged(result, (x) => x >= 12 && x < SIDE - 12)).toBe(1);
    expect(unchanged(result, (x) => x < 3)).toBeLessThan(0.1);
  });

  test.each([
    [{ outpaint: { left: 64 }, width: 256 }, "width", 192],
    [{ outpaint: { top: 16, bottom: 32 } }, "height", 176],
  ])("%j is refused with the expected number", async (changes, parameter, expected) => {
    const { status, body } = await ask(changes);
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ code: `invalid${parameter === "width" ? "Width" : "Height"}`, parameter });
    expect(body.error.message).toContain(`it must be ${expected}: 128 of the seed image + `);
  });
});

/** The seed image's place in a larger result. */
function part({ width, pixels }: RgbImage, x: number, y: number): RgbImage {
  const cut = new Uint8Array(SIDE * SIDE * 3);
  for (let row = 0; row < SIDE; row++) {
    const from = ((y + row) * width + x) * 3;
    cut.set(pixels.subarray(from, from + SIDE * 3), row * SIDE * 3);
  }
  return { width: SIDE, height: SIDE, pixels: cut };
}
