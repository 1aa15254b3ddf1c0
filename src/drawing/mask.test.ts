import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { GrayImage } from "../pictures/index.ts";
import { maskBounds, releaseCells, seam, zoomRegion } from "./mask.ts";

/** A row of values as a mask of some rows. */
const rows = (values: readonly number[], height = 1): GrayImage => ({
  width: values.length,
  height,
  pixels: Uint8Array.from({ length: values.length * height }, (_, i) => values[i % values.length]!),
});
const repeated = (value: number, times: number) => Array<number>(times).fill(value);

describe("seam", () => {
  test("the new image is reached within four pixels of the mask's border", () => {
    const wide = rows([...repeated(0, 4), ...repeated(255, 12), ...repeated(0, 4)], 9);
    const middle = [...seam(wide).pixels.subarray(4 * 20, 5 * 20)];
    expect(middle).toEqual([0, 0, 0, 0, 64, 128, 191, 255, 255, 255, 255, 255, 255, 191, 128, 64, 0, 0, 0, 0]);
  });

  test("in both directions", () => {
    const wide = rows([...repeated(0, 4), ...repeated(255, 12), ...repeated(0, 4)], 1);
    const tall: GrayImage = { ...wide, width: 1, height: 20 };
    expect([...seam(tall).pixels.subarray(3, 9)]).toEqual([0, 64, 128, 191, 255, 255]);
  });

  test("a stroke is fully opaque along its middle, over its whole width", () => {
    const stroke = (width: number) => [
      ...seam(rows([...repeated(0, 6), ...repeated(255, width), ...repeated(0, 6)])).pixels.subarray(6, 6 + width),
    ];
    expect(stroke(1)).toEqual([255]);
    expect(stroke(3)).toEqual([128, 255, 128]);
    expect(stroke(5)).toEqual([85, 170, 255, 170, 85]);
    expect(stroke(7)).toEqual([64, 128, 191, 255, 191, 128, 64]);
  });

  test("the border of the image does not count as a border of the mask", () => {
    expect([...seam(rows(repeated(255, 10), 10)).pixels]).toEqual(repeated(255, 100));
  });
});

test("values up to 7 are noise and count as black", () => {
  expect(maskBounds(rows([7, 7, 7]))).toBeUndefined();
  expect(maskBounds(rows([7, 8, 7]))).toEqual({ left: 1, top: 0, width: 1, height: 1 });
  expect([...releaseCells(rows([7, 7, 7])).pixels]).toEqual([0, 0, 0]);
  expect([...seam(rows([7, 8, 7])).pixels]).toEqual([0, 255, 0]);
});

test("bounds contain everything that is not black", () => {
  const mask = { width: 6, height: 5, pixels: new Uint8Array(30) };
  mask.pixels[1 * 6 + 4] = 255;
  mask.pixels[3 * 6 + 2] = 9;
  expect(maskBounds(mask)).toEqual({ left: 2, top: 1, width: 3, height: 3 });
});

test("each cell of 8×8 pixels takes its lightest value; cells at the border may be smaller", () => {
  const mask = { width: 20, height: 10, pixels: new Uint8Array(200) };
  mask.pixels[3 * 20 + 9] = 40;
  mask.pixels[7 * 20 + 15] = 200;
  mask.pixels[9 * 20 + 19] = 90;
  const { pixels } = releaseCells(mask);
  const value = (x: number, y: number) => pixels[y * 20 + x]!;
  for (let y = 0; y < 10; y++)
    for (let x = 0; x < 20; x++)
      expect([x, y, value(x, y)]).toEqual([x, y, y < 8 ? (x >= 8 && x < 16 ? 200 : 0) : x >= 16 ? 90 : 0]);
});

const picture = { width: 400, height: 200 };

test("the bounds with their margin, widened to the aspect of the image", () => {
  expect(zoomRegion({ left: 180, top: 80, width: 20, height: 20 }, 30, picture)).toEqual({
    left: 110, // 150…230 by 50…130: 80 wide becomes 160
    top: 50,
    width: 160,
    height: 80,
  });
  expect(zoomRegion({ left: 100, top: 95, width: 200, height: 10 }, 10, picture)).toEqual({
    left: 90,
    top: 45, // 220 wide needs 110 in height
    width: 220,
    height: 110,
  });
});

test("at the border of the image the region moves inside, and it never exceeds the image", () => {
  expect(zoomRegion({ left: 0, top: 0, width: 10, height: 60 }, 20, picture)).toEqual({
    left: 0,
    top: 0,
    width: 160,
    height: 80,
  });
  expect(zoomRegion({ left: 390, top: 10, width: 10, height: 180 }, 10, picture)).toEqual({
    left: 0,
    top: 0,
    width: 400,
    height: 200,
  });
});

test("the region contains the bounds and their margin, within the image", () => {
  const side = fc.integer({ min: 1, max: 300 });
  fc.assert(
    fc.property(side, side, fc.nat(299), fc.nat(299), side, side, fc.nat(128), (w, h, x, y, bw, bh, margin) => {
      const bounds = { left: x % w, top: y % h, width: 0, height: 0 };
      bounds.width = 1 + (bw % (w - bounds.left));
      bounds.height = 1 + (bh % (h - bounds.top));
      const region = zoomRegion(bounds, margin, { width: w, height: h });
      expect(region.left).toBeGreaterThanOrEqual(0);
      expect(region.top).toBeGreaterThanOrEqual(0);
      expect(region.left).toBeLessThanOrEqual(Math.max(0, bounds.left - margin));
      expect(region.top).toBeLessThanOrEqual(Math.max(0, bounds.top - margin));
      expect(region.left + region.width).toBeGreaterThanOrEqual(Math.min(w, bounds.left + bounds.width + margin));
      expect(region.top + region.height).toBeGreaterThanOrEqual(Math.min(h, bounds.top + bounds.height + margin));
      expect(region.left + region.width).toBeLessThanOrEqual(w);
      expect(region.top + region.height).toBeLessThanOrEqual(h);
    }),
  );
});
