import { expect, test } from "vitest";
import { fillPlanes, samples } from "./network-input.ts";

const positions = (from: number, to: number, placement: "centres" | "corners" | "origins") =>
  samples(from, to, placement).map(({ first, share }) => first + share);

test("positions over pixels, for the three conventions of training", () => {
  expect(positions(8, 4, "centres")).toEqual([0.5, 2.5, 4.5, 6.5]);
  expect(positions(4, 8, "centres")).toEqual([0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3]);
  expect(positions(4, 7, "corners")).toEqual([0, 0.5, 1, 1.5, 2, 2.5, 3]);
  expect(positions(5, 1, "corners")).toEqual([0]);
  expect(positions(4, 8, "origins")).toEqual([0, 0.5, 1, 1.5, 2, 2.5, 3, 3]);
});

test("values are interpolated between four pixels, black outside the image", () => {
  const pixels = Uint8Array.of(0, 0, 0, 100, 0, 0, 0, 0, 255, 200, 0, 255);
  const planes = { width: 2, height: 2, data: new Float32Array(12).fill(-1) };
  const between = { first: 0, second: 1, share: 0.5 };
  const beyond = { first: 1, second: 2, share: 0.75 };
  fillPlanes({ width: 2, height: 2, pixels }, { columns: [between, beyond], rows: [between] }, planes, {
    left: 0,
    top: 1,
  });
  const red = [...planes.data.subarray(0, 4)].map((value) => Math.round(value * 2550) / 10);
  expect(red).toEqual([-2550, -2550, 75, 37.5].map((value) => (value < 0 ? -255 : value)));
  const blue = [...planes.data.subarray(10, 12)].map((value) => Math.round(value * 2550) / 10);
  expect(blue).toEqual([127.5, 31.9]);
});
