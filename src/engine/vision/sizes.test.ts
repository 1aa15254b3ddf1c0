import { expect, it } from "vitest";
import { sizeOfArea, visionSize } from "./sizes.ts";

const size = ([width, height]: readonly [number, number]) => ({ width, height });

// Vectors printed by diffusers' `calculate_dimensions`.
it.each([
  [512, 512, [1024, 1024], [384, 384]],
  [1664, 928, [1376, 768], [512, 288]],
  [640, 480, [1184, 896], [448, 320]],
  [1000, 700, [1216, 864], [448, 320]],
  [333, 777, [672, 1568], [256, 576]],
  [3000, 1000, [1760, 576], [672, 224]],
  [97, 61, [1280, 800], [480, 320]],
] as const)("%d×%d at about a megapixel and at 384²", (width, height, large, small) => {
  expect(sizeOfArea(1024 ** 2, size([width, height]))).toEqual(size(large));
  expect(sizeOfArea(384 ** 2, size([width, height]))).toEqual(size(small));
});

it("no side becomes 0, however narrow the image", () => {
  expect(sizeOfArea(1024, size([5000, 20]))).toEqual(size([512, 32]));
});

// Vectors printed by transformers' `smart_resize`, as (height, width) there.
it.each([
  [1024, 1024, 1036, 1036],
  [384, 384, 392, 392],
  [768, 1376, 756, 1372],
  [896, 1184, 896, 1176],
  [320, 448, 308, 448],
  [28, 28, 56, 56],
  [30, 20, 84, 56],
  [42, 70, 56, 56],
  [14, 200, 28, 224],
  [4000, 4000, 3584, 3584],
])("of %d rows of %d the tower gets %d of %d", (height, width, rows, columns) => {
  expect(visionSize(size([width, height]), 28)).toEqual(size([columns, rows]));
});
