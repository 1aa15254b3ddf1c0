import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Graph } from "../../src/engine/graph/graph.ts";
import { createFaceDetector, type FaceDetector } from "../../src/faces/index.ts";
import type { RgbImage } from "../../src/images/index.ts";

const SIDE = 64;
const CELL = 8;
const CELLS = (SIDE / CELL) ** 2;

/**
 * A network that finds red squares: each cell of 8×8 pixels is a box whose score is the mean of its red plane. With each comes a larger
 * one (80 % overlap) of 0.9 of the score, which has to be suppressed.
 */
function redSquares(): Uint8Array {
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

function black(
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

let folder: string;
let file: string;
let detector: FaceDetector;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-yolo-"));
  file = join(folder, "red-squares.onnx");
  await writeFile(file, redSquares());
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => detector.stop());

test("a wide picture: through letterbox, network, decoding and suppression to the exact boxes", async () => {
  detector = createFaceDetector({ yoloFile: file });
  // 128×64 is halved to 64×32 and lies 16 pixels below the top; the squares fall on whole cells there.
  const image = black(128, 64, [
    { left: 32, top: 16, side: 16 },
    { left: 96, top: 48, side: 16 },
  ]);
  const faces = await detector.detect(image, 0.9);
  expect(faces.sort((a, b) => a.box.left - b.box.left)).toEqual([
    { box: { left: 32, top: 16, width: 16, height: 16 }, score: 1 },
    { box: { left: 96, top: 48, width: 16, height: 16 }, score: 1 },
  ]);
});

test("a tall and an enlarged picture likewise", async () => {
  detector = createFaceDetector({ yoloFile: file });
  expect(await detector.detect(black(64, 128, [{ left: 0, top: 112, side: 16 }]), 0.9)).toEqual([
    { box: { left: 0, top: 112, width: 16, height: 16 }, score: 1 },
  ]);
  expect(await detector.detect(black(16, 16, [{ left: 4, top: 8, side: 4 }]), 0.6)).toMatchObject([
    { box: { left: 4, top: 8, width: 2, height: 2 } },
    { box: { left: 6, top: 8, width: 2, height: 2 } },
    { box: { left: 4, top: 10, width: 2, height: 2 } },
    { box: { left: 6, top: 10, width: 2, height: 2 } },
  ]);
});

test("an empty picture has no faces; scores below the confidence do not count", async () => {
  detector = createFaceDetector({ yoloFile: file });
  expect(await detector.detect(black(128, 64, []), 0.5)).toEqual([]);
  const faint = black(128, 64, [{ left: 32, top: 16, side: 8 }]); // a quarter of a cell
  expect(await detector.detect(faint, 0.26)).toEqual([]);
  expect(await detector.detect(faint, 0.25)).toEqual([
    { box: { left: 32, top: 16, width: 16, height: 16 }, score: 0.25 },
  ]);
});

test("a file that is no face network is refused by its name", async () => {
  detector = createFaceDetector({ yoloFile: join(folder, "missing.onnx") });
  await expect(detector.detect(black(64, 64, []), 0.5)).rejects.toThrow("missing.onnx");
  await detector.stop();

  const g = new Graph("no picture", { get: () => {}, has: () => false } as never);
  g.output("y", g.input("x", [1, 7]), [1, 7]);
  const other = join(folder, "other.onnx");
  await writeFile(other, g.build().bytes);
  detector = createFaceDetector({ yoloFile: other });
  await expect(detector.detect(black(64, 64, []), 0.5)).rejects.toThrow("other.onnx takes x: float32 [1, 7]");
});
