import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { black, redSquares } from "../../../../test/support/red-squares.ts";
import { Graph } from "../../../onnx/graph.ts";
import type { FaceNetwork } from "../face.ts";
import { openFaceDetector } from "../index.ts";

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

test("a wide picture: through letterbox, network, decoding and suppression to the exact boxes", async () => {
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

test("a tall and an enlarged picture likewise", async () => {
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

test("an empty picture has no faces; scores below the confidence do not count", async () => {
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
