import fc from "fast-check";
import { expect, test } from "vitest";
import { letterboxed, planLetterbox, toPicture } from "./letterbox.ts";

const side = fc.integer({ min: 1, max: 3000 });
const size = fc.record({ width: side, height: side });

test("the picture fits, touches two opposite sides and lies in the middle", () => {
  fc.assert(
    fc.property(size, fc.constantFrom({ width: 640, height: 640 }, { width: 640, height: 384 }), (picture, input) => {
      const { left, top, innerWidth, innerHeight } = planLetterbox(picture, input);
      expect(Math.max(innerWidth / input.width, innerHeight / input.height)).toBe(1);
      expect(left).toBeGreaterThanOrEqual(0);
      expect(top).toBeGreaterThanOrEqual(0);
      expect(Math.abs(input.width - innerWidth - 2 * left)).toBeLessThanOrEqual(1);
      expect(Math.abs(input.height - innerHeight - 2 * top)).toBeLessThanOrEqual(1);
    }),
  );
});

test("boxes come back to where they were in the picture", () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(size, fc.tuple(share, share, share, share), (picture, [l, t, w, h]) => {
      const plan = planLetterbox(picture, { width: 640, height: 640 });
      const inInput = {
        left: plan.left + l * plan.innerWidth,
        top: plan.top + t * plan.innerHeight,
        width: w * plan.innerWidth,
        height: h * plan.innerHeight,
      };
      const box = toPicture(inInput, plan, picture);
      expect(box.left).toBeCloseTo(l * picture.width, 6);
      expect(box.top).toBeCloseTo(t * picture.height, 6);
      expect(box.width).toBeCloseTo(w * picture.width, 6);
      expect(box.height).toBeCloseTo(h * picture.height, 6);
    }),
  );
});

test("planes hold the picture in 0…1 with grey bars of 114 around", () => {
  const picture = { width: 4, height: 2, pixels: Uint8Array.from({ length: 24 }, (_, i) => (i % 3 === 0 ? 255 : i)) };
  const plan = planLetterbox(picture, { width: 4, height: 4 });
  const { data: planes } = letterboxed(picture, plan);
  const grey = Math.fround(114 / 255);
  expect([...planes.subarray(0, 16)]).toEqual([...Array(4).fill(grey), ...Array(8).fill(1), ...Array(4).fill(grey)]);
  const green = [...planes.subarray(20, 28)].map((value) => Math.round(value * 255));
  expect(green).toEqual([1, 4, 7, 10, 13, 16, 19, 22]);
});

test("resampling is linear between pixel centres: a ramp stays a ramp", () => {
  const ramp = { width: 8, height: 1, pixels: Uint8Array.from({ length: 24 }, (_, i) => Math.floor(i / 3) * 20) };
  const { data: halved } = letterboxed(ramp, planLetterbox(ramp, { width: 4, height: 1 }));
  expect([...halved.subarray(0, 4)].map((value) => Math.round(value * 2550) / 10)).toEqual([10, 50, 90, 130]);
  const { data: doubled } = letterboxed(ramp, planLetterbox(ramp, { width: 16, height: 2 }));
  expect([...doubled.subarray(0, 5)].map((value) => Math.round(value * 2550) / 10)).toEqual([0, 5, 15, 25, 35]);
});
