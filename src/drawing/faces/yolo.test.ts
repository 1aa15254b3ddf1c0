import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { black, redSquares } from "../../../test/support/red-squares.ts";
import { Graph } from "../../onnx/graph.ts";
import type { FaceNetwork } from "./face.ts";
import { openFaceDetector } from "./index.ts";
import { decodeYolo, letterboxed, planLetterbox, toPicture, UnknownYoloOutput } from "./yolo.ts";

let folder: string;
let file: string;
let detector: FaceNetwork | undefined;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-yolo-"));
  file = join(folder, "red-squares.onnx");
  await writeFile(file, redSquares());
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(async () => {
  await detector?.release();
  detector = undefined;
});

test("a wide image: exact boxes through letterbox, network, decoding and suppression", async () => {
  detector = await openFaceDetector(file);
  // 128×64 is halved to 64×32 and lies 16 pixels below the top; the squares fall on whole cells there.
  const image = black(128, 64, [
    { left: 32, top: 16, side: 16 },
    { left: 96, top: 48, side: 16 },
  ]);
  const faces = await detector.find(image, 0.9);
  expect(faces.sort((a, b) => a.box.left - b.box.left)).toEqual([
    { box: { left: 32, top: 16, width: 16, height: 16 }, score: 1 },
    { box: { left: 96, top: 48, width: 16, height: 16 }, score: 1 },
  ]);
});

test("a tall and an enlarged image give exact boxes too", async () => {
  detector = await openFaceDetector(file);
  expect(await detector.find(black(64, 128, [{ left: 0, top: 112, side: 16 }]), 0.9)).toEqual([
    { box: { left: 0, top: 112, width: 16, height: 16 }, score: 1 },
  ]);
  expect(await detector.find(black(16, 16, [{ left: 4, top: 8, side: 4 }]), 0.6)).toMatchObject([
    { box: { left: 4, top: 8, width: 2, height: 2 } },
    { box: { left: 6, top: 8, width: 2, height: 2 } },
    { box: { left: 4, top: 10, width: 2, height: 2 } },
    { box: { left: 6, top: 10, width: 2, height: 2 } },
  ]);
});

test("an empty image has no faces; scores below the confidence do not count", async () => {
  detector = await openFaceDetector(file);
  expect(await detector.find(black(128, 64, []), 0.5)).toEqual([]);
  const faint = black(128, 64, [{ left: 32, top: 16, side: 8 }]); // a quarter of a cell
  expect(await detector.find(faint, 0.26)).toEqual([]);
  expect(await detector.find(faint, 0.25)).toEqual([
    { box: { left: 32, top: 16, width: 16, height: 16 }, score: 0.25 },
  ]);
});

test("a file that is no face network is refused by its name", async () => {
  await expect(openFaceDetector(join(folder, "missing.onnx"))).rejects.toThrow("missing.onnx");

  const g = new Graph("no picture", { get: () => {}, has: () => false } as never);
  g.output("y", g.input("x", [1, 7]), [1, 7]);
  const other = join(folder, "other.onnx");
  await writeFile(other, g.build().bytes);
  await expect(openFaceDetector(other)).rejects.toThrow("other.onnx takes x: float32 [1, 7]");
});

test("raw outputs: centre and size become corners, the threshold is inclusive, landmarks are ignored", () => {
  // 3 boxes in columns of cx, cy, w, h, score and one landmark
  const rows = [10, 20, 30, 10, 20, 30, 4, 4, 4, 8, 8, 8, 0.5, 0.49, 0.9, 7, 7, 7];
  const data = new Float32Array([...rows.slice(0, 15), ...rows.slice(15)]);
  const { faces, overlapping } = decodeYolo({ data: pad(data, 6, 3, 8), dims: [1, 6, 8] }, 0.5);
  expect(overlapping).toBe(true);
  expect(faces.map(({ box }) => box)).toEqual([
    { left: 8, top: 6, width: 4, height: 8 },
    { left: 28, top: 26, width: 4, height: 8 },
  ]);
  expect(faces.map(({ score }) => score)).toEqual([0.5, Math.fround(0.9)]);
});

/** Widens rows of `from` columns to `to` with zeros. */
function pad(data: Float32Array, rows: number, from: number, to: number): Float32Array {
  const wide = new Float32Array(rows * to);
  for (let row = 0; row < rows; row++) wide.set(data.subarray(row * from, (row + 1) * from), row * to);
  return wide;
}

test("finished outputs: corners are used directly, empty rows and other classes are ignored", () => {
  const data = new Float32Array([1, 2, 5, 9, 0.8, 0, 0, 0, 0, 0, 0, 0, 1, 2, 5, 9, 0.9, 1]);
  const { faces, overlapping } = decodeYolo({ data, dims: [1, 3, 6] }, 0);
  expect(overlapping).toBe(false);
  expect(faces).toEqual([{ box: { left: 1, top: 2, width: 4, height: 7 }, score: Math.fround(0.8) }]);
});

test("other outputs are refused with their shape", () => {
  const output = { data: new Float32Array(8), dims: [2, 4] };
  expect(() => decodeYolo(output, 0.5)).toThrow(UnknownYoloOutput);
  expect(() => decodeYolo(output, 0.5)).toThrow("[2, 4]");
  expect(() => decodeYolo({ data: new Float32Array(25_200 * 16), dims: [1, 25_200, 16] }, 0.5)).toThrow(
    "[1, 25200, 16]",
  );
});

const side = fc.integer({ min: 1, max: 3000 });
const size = fc.record({ width: side, height: side });

test("the image fits, touches two opposite sides and is centred", () => {
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

test("boxes return to their place in the image", () => {
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

test("planes contain the image in 0…1 with grey bars of 114 around it", () => {
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
