import { expect, test } from "vitest";
import { extendPicture } from "./outpaint.ts";

/** Each pixel's red is its column, its green its row. */
const source = {
  width: 10,
  height: 8,
  pixels: Uint8Array.from({ length: 240 }, (_, i) => [Math.floor(i / 3) % 10, Math.floor(i / 30), 0][i % 3]!),
};

test("the old image is in its place, and its border pixels continue outwards", () => {
  const sides = { top: 2, right: 3, bottom: 4, left: 5, blur: 0 };
  const { image } = extendPicture(source, sides, { width: 18, height: 14 });
  for (let y = 0; y < 14; y++)
    for (let x = 0; x < 18; x++) {
      const at = (y * 18 + x) * 3;
      const [column, row] = [Math.min(9, Math.max(0, x - 5)), Math.min(7, Math.max(0, y - 2))];
      expect([x, y, ...image.pixels.subarray(at, at + 2)]).toEqual([x, y, column, row]);
    }
});

test("opacity falls across the blur inside extended borders and is 0 beyond: the old image stays there", () => {
  const sides = { top: 0, right: 0, bottom: 0, left: 2, blur: 3 };
  const { opacity } = extendPicture(source, sides, { width: 12, height: 8 });
  const expected = [255, 255, 191, 128, 64, 0, 0, 0, 0, 0, 0, 0];
  for (let y = 0; y < 8; y++) expect([...opacity.pixels.subarray(y * 12, (y + 1) * 12)]).toEqual(expected);

  const other = extendPicture(source, { top: 0, right: 2, bottom: 1, left: 0, blur: 1 }, { width: 12, height: 9 });
  const rows = (y: number) => [...other.opacity.pixels.subarray(y * 12, (y + 1) * 12)];
  expect(rows(3)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 128, 255, 255]);
  expect(rows(7)).toEqual([128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 255, 255]);
  expect(rows(8)).toEqual(Array(12).fill(255));
});
