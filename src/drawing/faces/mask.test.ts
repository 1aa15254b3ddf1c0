import fc from "fast-check";
import { expect, test } from "vitest";
import { type Box, clip, inReadingOrder, overlap } from "./face.ts";
import { faceMask } from "./mask.ts";

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

test("the mask never grows lighter away from the face, and more blur or padding never darkens it", () => {
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

test("without blur the mask is the padded box exactly", () => {
  const mask = faceMask({ left: 10.4, top: 8, width: 5.2, height: 4 }, { maskPadding: 2, maskBlur: 0 }, picture)!;
  const white = [...mask.pixels].flatMap((value, i) => (value ? [[i % 48, Math.floor(i / 48), value]] : []));
  expect(white.length).toBe((16 + 2 - 8) * (12 + 2 - 6)); // columns 8…17, rows 6…13
  expect(white[0]).toEqual([8, 6, 255]);
  expect(white.at(-1)).toEqual([17, 13, 255]);
});

test("overlap is symmetric, 1 with itself, 0 for what does not touch", () => {
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

test("faces are taken from left to right whatever their scores", () => {
  const at = (left: number, score: number) => ({ box: { left, top: 0, width: 1, height: 1 }, score });
  expect(inReadingOrder([at(9, 0.99), at(1, 0.9), at(5, 0.95)]).map(({ box }) => box.left)).toEqual([1, 5, 9]);
});

test("it fades out smoothly, slowly at both ends", () => {
  const mask = faceMask({ left: 0, top: 0, width: 4, height: 40 }, { maskPadding: 0, maskBlur: 3 }, picture)!;
  expect([...mask.pixels.subarray(20 * 48 + 2, 20 * 48 + 9)]).toEqual([255, 255, 215, 128, 40, 0, 0]);
});
