import { readFile } from "node:fs/promises";
import { afterAll, expect, test } from "vitest";
import { crop, decodeImage, resizeImage } from "../pictures/index.ts";
import { openUpscaler, type UpscaleFactor } from "./upscaler.ts";

const whole = await openUpscaler();
const tiled = await openUpscaler({}, 24);
afterAll(() => Promise.all([whole.release(), tiled.release()]));

const photo = await decodeImage(await readFile("test/fixtures/photos/astronaut.jpg"));
const face = crop(photo, { left: 190, top: 80, width: 70, height: 50 });

test.each([2, 3, 4] as const)("%s times: tiles give the same as the whole image", async (factor) => {
  const expected = await whole.upscale(face, factor);
  const seen: number[][] = [];
  const result = await tiled.upscale(face, factor, { onTile: (done, tiles) => void seen.push([done, tiles]) });
  expect(result).toMatchObject({ width: 70 * factor, height: 50 * factor });
  const off = result.pixels.filter((value, i) => Math.abs(value - expected.pixels[i]!) > 1).length;
  expect(off).toBe(0);
  expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9].map((done) => [done, 9]));
});

/** Mean steepness between neighbouring pixels of a row. */
function sharpness({ width, height, pixels }: { width: number; height: number; pixels: Uint8Array }) {
  let sum = 0;
  for (let y = 0; y < height; y++)
    for (let x = 1; x < width; x++)
      sum += Math.abs(pixels[(y * width + x) * 3]! - pixels[(y * width + x - 1) * 3]!) ** 2;
  return sum / (width * height);
}

test("lettering becomes sharper than by resampling, and stays the same", async () => {
  const sign = await decodeImage(await readFile("test/fixtures/drawings/sign-tea.jpg"));
  const part = crop(await resizeImage(sign, 256, 192), { left: 60, top: 50, width: 60, height: 40 });
  for (const factor of [2, 4] as UpscaleFactor[]) {
    const result = await whole.upscale(part, factor);
    const resampled = await resizeImage(part, 60 * factor, 40 * factor);
    expect(sharpness(result)).toBeGreaterThan(1.1 * sharpness(resampled));
    const back = await resizeImage(result, 60, 40);
    const error =
      back.pixels.reduce((sum, value, i) => sum + Math.abs(value - part.pixels[i]!), 0) / back.pixels.length;
    expect(error).toBeLessThan(12);
  }
});

test("an abort stops before the next tile", async () => {
  const abort = new AbortController();
  let tiles = 0;
  const stopped = tiled.upscale(face, 2, {
    signal: abort.signal,
    onTile() {
      tiles++;
      abort.abort(new Error("enough"));
    },
  });
  await expect(stopped).rejects.toThrow("enough");
  expect(tiles).toBe(1);
});

test("a result above 50 megapixels is refused by its parameter before any computation", async () => {
  const large = { width: 4000, height: 2000, pixels: new Uint8Array(24_000_000) };
  await expect(whole.upscale(large, 4)).rejects.toMatchObject({
    parameter: "inputs.image",
    message:
      "The image is 4000×2000, enlarged 4 times 16000×8000 pixels; the result may have at most 50000000. Send a smaller image or a smaller upscaleFactor",
  });
});
