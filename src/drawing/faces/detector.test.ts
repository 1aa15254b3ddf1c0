import { readdir, readFile } from "node:fs/promises";
import { afterAll, expect, test } from "vitest";
import { recorded } from "../../../test/support/recorded-finishing.ts";
import { decodeImage, type RgbImage } from "../../pictures/index.ts";
import type { Box } from "./face.ts";
import { openFaceDetector, requireFaceModel } from "./index.ts";

const detector = await openFaceDetector();
afterAll(() => detector.release());

const open = async (name: string) => decodeImage(await readFile(`test/fixtures/${name}`));

/** The face in the photo as a person boxes it: hairline to chin, cheek to cheek. */
const astronaut = { left: 180, top: 74, right: 267, bottom: 177 };

/** @param tolerance pixels of the picture */
function expectAstronaut(box: Box, tolerance: number, shift = 0) {
  expect(Math.abs(box.left - astronaut.left - shift)).toBeLessThan(tolerance);
  expect(Math.abs(box.top - astronaut.top)).toBeLessThan(tolerance);
  expect(Math.abs(box.left + box.width - astronaut.right - shift)).toBeLessThan(tolerance);
  expect(Math.abs(box.top + box.height - astronaut.bottom)).toBeLessThan(tolerance);
}

test("the face in a photo is found in its place, at the default confidence", async () => {
  const faces = await detector.find(await open("photos/astronaut.jpg"), 0.9);
  expect(faces.length).toBe(1);
  expectAstronaut(faces[0]!.box, 5);
});

test("two faces in a wide image are both found", async () => {
  const photo = await open("photos/astronaut.jpg");
  const faces = await detector.find(beside(photo, photo), 0.9);
  expect(faces.length).toBe(2);
  const [first, second] = faces.toSorted((a, b) => a.box.left - b.box.left);
  // The detector looks at 512×512: here at half size.
  expectAstronaut(first!.box, 20);
  expectAstronaut(second!.box, 20, 512);
});

test("the box of a face at the border is inside the image", async () => {
  const photo = await open("photos/astronaut.jpg");
  const [face] = await detector.find(from(photo, 195), 0.9);
  expect(face!.box.left).toBe(0);
  expect(Math.abs(face!.box.left + face!.box.width - (astronaut.right - 195))).toBeLessThan(5);
});

test("signs and landscapes have no faces, even at a low confidence", async () => {
  for (const name of await readdir("test/fixtures/drawings")) {
    expect([name, await detector.find(await open(`drawings/${name}`), 0.3)]).toEqual([name, []]);
  }
});

test("every confidence of the API works: 0 gives at most 32 boxes, 1 hardly any", async () => {
  const photo = await open("photos/astronaut.jpg");
  const all = await detector.find(photo, 0);
  expect(all.length).toBeGreaterThan(1);
  expect(all.length).toBeLessThanOrEqual(32);
  expect(all.map(({ score }) => score)).toEqual(all.map(({ score }) => score).sort((a, b) => b - a));
  expect(await detector.find(photo, all[0]!.score)).toEqual([all[0]]);
  expect(await detector.find(photo, 1)).toEqual([]);
});

test("boxes and scores equal those of face-api, the source of the weights", async () => {
  let faces = 0;
  for (const { name, picture, faces: expected } of await recorded()) {
    const found = await detector.find(picture, 0.1);
    expect([name, found.length]).toEqual([name, expected.length]);
    for (const [i, { box, score }] of expected.entries()) {
      expect(Math.abs(found[i]!.score - score)).toBeLessThan(1e-3);
      const shown = visible(box, picture);
      for (const side of ["left", "top", "width", "height"] as const)
        expect(Math.abs(found[i]!.box[side] - shown[side])).toBeLessThan(1);
      faces++;
    }
  }
  expect(faces).toBeGreaterThan(10);
});

/** The part inside the picture: face-api's boxes reach beyond it. */
function visible({ left, top, width, height }: Box, picture: RgbImage): Box {
  return {
    left,
    top,
    width: Math.min(left + width, picture.width) - left,
    height: Math.min(top + height, picture.height) - top,
  };
}

test("a missing face network is refused by the name of its setting", () => {
  expect(() => requireFaceModel("none.onnx")).toThrow(
    'INKSTONE_FACE_MODEL is "none.onnx", but this file does not exist',
  );
  expect(() => requireFaceModel("package.json")).not.toThrow();
  expect(() => requireFaceModel(undefined)).not.toThrow();
});

test("the same image gives the same boxes", async () => {
  const photo = await open("photos/astronaut.jpg");
  expect(await detector.find(photo, 0.1)).toEqual(await detector.find(photo, 0.1));
});

function beside(a: RgbImage, b: RgbImage): RgbImage {
  const pixels = new Uint8Array((a.width + b.width) * a.height * 3);
  const stride = (a.width + b.width) * 3;
  for (let y = 0; y < a.height; y++) {
    pixels.set(a.pixels.subarray(y * a.width * 3, (y + 1) * a.width * 3), y * stride);
    pixels.set(b.pixels.subarray(y * b.width * 3, (y + 1) * b.width * 3), y * stride + a.width * 3);
  }
  return { width: a.width + b.width, height: a.height, pixels };
}

/** Without its first columns. */
function from(image: RgbImage, left: number): RgbImage {
  const width = image.width - left;
  const pixels = new Uint8Array(width * image.height * 3);
  for (let y = 0; y < image.height; y++) {
    pixels.set(image.pixels.subarray((y * image.width + left) * 3, (y + 1) * image.width * 3), y * width * 3);
  }
  return { width, height: image.height, pixels };
}
