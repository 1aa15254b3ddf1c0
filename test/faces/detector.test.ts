import { readdir, readFile } from "node:fs/promises";
import { afterAll, expect, test } from "vitest";
import { type Box, createFaceDetector } from "../../src/drawing/faces/index.ts";
import { decodeImage, type RgbImage } from "../../src/pictures/index.ts";

const detector = createFaceDetector({ idleMs: 5_000 });
afterAll(() => detector.stop());

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

test("the face in a photo is found where it is, at the default confidence", async () => {
  const faces = await detector.detect(await open("photos/astronaut.jpg"), 0.9);
  expect(faces.length).toBe(1);
  expectAstronaut(faces[0]!.box, 5);
});

test("two faces in a wide picture are both found", async () => {
  const photo = await open("photos/astronaut.jpg");
  const faces = await detector.detect(beside(photo, photo), 0.9);
  expect(faces.length).toBe(2);
  const [first, second] = faces.toSorted((a, b) => a.box.left - b.box.left);
  // The detector looks at 512×512: here at half size.
  expectAstronaut(first!.box, 20);
  expectAstronaut(second!.box, 20, 512);
});

test("a face cut off by the border has its box inside the picture", async () => {
  const photo = await open("photos/astronaut.jpg");
  const [face] = await detector.detect(from(photo, 195), 0.9);
  expect(face!.box.left).toBe(0);
  expect(Math.abs(face!.box.left + face!.box.width - (astronaut.right - 195))).toBeLessThan(5);
});

test("signs and landscapes have no faces, even at a low confidence", async () => {
  for (const name of await readdir("test/fixtures/drawings")) {
    expect([name, await detector.detect(await open(`drawings/${name}`), 0.3)]).toEqual([name, []]);
  }
});

test("every confidence of the API can be asked for: 0 gives 32 boxes at most, 1 hardly any", async () => {
  const photo = await open("photos/astronaut.jpg");
  const all = await detector.detect(photo, 0);
  expect(all.length).toBeGreaterThan(1);
  expect(all.length).toBeLessThanOrEqual(32);
  expect(all.map(({ score }) => score)).toEqual(all.map(({ score }) => score).sort((a, b) => b - a));
  expect(await detector.detect(photo, all[0]!.score)).toEqual([all[0]]);
  expect(await detector.detect(photo, 1)).toEqual([]);
});

test("the same picture gives the same boxes", async () => {
  const photo = await open("photos/astronaut.jpg");
  expect(await detector.detect(photo, 0.1)).toEqual(await detector.detect(photo, 0.1));
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
