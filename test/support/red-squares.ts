/** A tiny YOLO network with known outputs, and pictures for it. */

import { Graph } from "../../src/onnx/graph.ts";
import type { RgbImage } from "../../src/pictures/index.ts";

const SIDE = 64;
const CELL = 8;
const CELLS = (SIDE / CELL) ** 2;

/**
 * A network that finds red squares: each cell of 8×8 pixels is a box whose score is the mean of its red plane. With each comes a larger
 * one (80 % overlap) of 0.9 of the score, which has to be suppressed.
 */
export function redSquares(): Uint8Array {
  const g = new Graph("red squares", { get: () => {}, has: () => false } as never);
  const picture = g.input("images", [1, 3, SIDE, SIDE]);
  const red = g.op("Slice", [picture, g.ints([0]), g.ints([1]), g.ints([1])]);
  const means = g.op("AveragePool", [red], { kernel_shape: [CELL, CELL], strides: [CELL, CELL] });
  const scores = g.op("Reshape", [means, g.ints([1, 1, CELLS])]);
  const lower = g.op("Mul", [scores, g.scalar(0.9)]);
  const centres = (offset: (cell: number) => number) =>
    Array.from({ length: CELLS }, (_, i) => offset(i) * CELL + CELL / 2);
  const boxes = [centres((i) => i % (SIDE / CELL)), centres((i) => Math.floor(i / (SIDE / CELL)))];
  const table = (side: number) => g.floats([...boxes.flat(), ...Array<number>(2 * CELLS).fill(side)], [1, 4, CELLS]);
  const exact = g.op("Concat", [table(CELL), scores], { axis: 1 });
  const wider = g.op("Concat", [table(CELL + 1), lower], { axis: 1 });
  g.output("output0", g.op("Concat", [exact, wider], { axis: 2 }), [1, 5, 2 * CELLS]);
  return g.build().bytes;
}

/** A black picture with red squares. */
export function black(
  width: number,
  height: number,
  squares: readonly { left: number; top: number; side: number }[],
): RgbImage {
  const pixels = new Uint8Array(width * height * 3);
  for (const { left, top, side } of squares) {
    for (let y = top; y < top + side; y++) for (let x = left; x < left + side; x++) pixels[(y * width + x) * 3] = 255;
  }
  return { width, height, pixels };
}
