import { deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { animation, cmykJpeg, fileOf, pngFile, rotatedJpeg, sixteenBitPng } from "../../test/pictures.ts";
import { decodeImage, encodeImage, readHeader, resizeGray, resizeImage, textMask } from "./codec.ts";
import { ImageError } from "./errors.ts";
import { grayOf, imageFormats, onWhite, type RgbImage } from "./picture.ts";

const gradient = (width: number, height: number): RgbImage => {
  const pixels = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    pixels[i * 3] = ((i % width) * 255) / width;
    pixels[i * 3 + 1] = (Math.floor(i / width) * 255) / height;
    pixels[i * 3 + 2] = 128;
  }
  return { width, height, pixels };
};

const refusal = async (bytes: Uint8Array, options = {}) => {
  const error = await decodeImage(bytes, options).then(
    () => undefined,
    (e) => e,
  );
  expect(error).toBeInstanceOf(ImageError);
  return error as ImageError;
};

describe("encode and decode", () => {
  test("PNG keeps every pixel", async () => {
    const image = gradient(37, 21);
    const decoded = await decodeImage(await encodeImage(image, { format: "PNG" }));
    expect(decoded).toMatchObject({ width: 37, height: 21, format: "PNG" });
    expect(Buffer.compare(decoded.pixels, image.pixels)).toBe(0);
    expect(decoded.alpha).toBeUndefined();
  });

  test.each(["JPG", "WEBP"] as const)("%s is close at high quality and smaller at low quality", async (format) => {
    const image = gradient(64, 48);
    const high = await encodeImage(image, { format, quality: 99 });
    const low = await encodeImage(image, { format, quality: 20 });
    expect(low.length).toBeLessThan(high.length);
    const { pixels } = await decodeImage(high);
    const worst = pixels.reduce((most, v, i) => Math.max(most, Math.abs(v - image.pixels[i]!)), 0);
    expect(worst).toBeLessThan(12);
  });

  test.each(imageFormats)("%s: the same image gives the same bytes", async (format) => {
    const options = { format, metadata: { software: "test", parameters: { seed: 1n } } };
    const [a, b] = await Promise.all([encodeImage(gradient(32, 32), options), encodeImage(gradient(32, 32), options)]);
    expect(Buffer.compare(a, b)).toBe(0);
  });

  test.each([19, 100, 50.5, Number.NaN])("quality %s is refused", async (quality) => {
    await expect(encodeImage(gradient(8, 8), { format: "JPG", quality })).rejects.toThrow(
      `quality is ${quality}; allowed is an integer from 20 to 99`,
    );
  });

  test("an image whose size and bytes disagree is refused", async () => {
    const wrong = { width: 4, height: 4, pixels: new Uint8Array(47) };
    await expect(encodeImage(wrong, { format: "PNG" })).rejects.toThrow("a 4×4 image needs 48 bytes; 47 were given");
  });
});

describe("unusual images", () => {
  test("alpha is separate, and the colours under it stay", async () => {
    const bytes = pngFile({ width: 2, height: 1, colourType: 6, rows: [[10, 20, 30, 0, 40, 50, 60, 200]] });
    const decoded = await decodeImage(bytes);
    expect([...decoded.pixels]).toEqual([10, 20, 30, 40, 50, 60]);
    expect([...decoded.alpha!]).toEqual([0, 200]);
  });

  test("EXIF orientation is applied", async () => {
    const bytes = await rotatedJpeg(24, 8);
    expect(await readHeader(bytes)).toMatchObject({ width: 8, height: 24 });
    expect(await decodeImage(bytes)).toMatchObject({ width: 8, height: 24 });
  });

  test("16-bit PNG becomes 8-bit by its high byte", async () => {
    const { pixels } = await decodeImage(await sixteenBitPng([0x1234, 0x80ff, 0xffff]));
    expect([...pixels]).toEqual([0x12, 0x80, 0xff]);
  });

  test("CMYK JPEG becomes RGB", async () => {
    const { pixels } = await decodeImage(await cmykJpeg({ r: 200, g: 100, b: 50 }));
    expect(pixels[0]).toBeGreaterThan(pixels[1]!);
    expect(pixels[1]).toBeGreaterThan(pixels[2]!);
  });

  test.each(["avif", "gif", "tiff"] as const)("%s is read and named", async (format) => {
    const picture = { width: 32, height: 16, pixels: new Uint8Array(32 * 16 * 3).fill(200) };
    const bytes = await fileOf(picture, format);
    const decoded = await decodeImage(bytes);
    expect(decoded).toMatchObject({ format: format.toUpperCase(), width: 32, height: 16 });
    expect(decoded.pixels.every((value) => Math.abs(value - 200) <= 2)).toBe(true);
    expect(await readHeader(bytes)).toMatchObject({ format: format.toUpperCase(), width: 32, height: 16 });
    await expect(decodeImage(bytes, { maxPixels: 500 })).rejects.toMatchObject({ reason: "tooManyPixels" });
    await expect(decodeImage(bytes.subarray(0, bytes.length / 2))).rejects.toMatchObject({ reason: "damaged" });
  });

  test.each(["webp", "gif"] as const)("the first frame of an animated %s is used", async (format) => {
    const { width, height, pixels } = await decodeImage(await animation(3, format));
    expect([width, height]).toEqual([16, 16]);
    expect(pixels.every((value) => value < 4)).toBe(true);
  });

  test("transparent pixels become white, half-transparent ones half white", () => {
    const pixels = Uint8Array.of(0, 0, 0, 10, 20, 30, 100, 0, 200);
    const picture = { width: 3, height: 1, pixels, alpha: Uint8Array.of(0, 255, 128) };
    expect(onWhite(picture)).toEqual({
      width: 3,
      height: 1,
      pixels: Uint8Array.of(255, 255, 255, 10, 20, 30, 177, 127, 227),
    });
    expect(onWhite({ width: 3, height: 1, pixels })).toEqual({ width: 3, height: 1, pixels });
  });

  test("maxSide shrinks at the same aspect and never enlarges", async () => {
    const bytes = await encodeImage(gradient(64, 32), { format: "PNG" });
    expect(await decodeImage(bytes, { maxSide: 16 })).toMatchObject({ width: 16, height: 8 });
    expect(await decodeImage(bytes, { maxSide: 500 })).toMatchObject({ width: 64, height: 32 });
  });
});

describe("hostile images", () => {
  test("an empty file", async () => {
    expect(await refusal(new Uint8Array())).toMatchObject({ reason: "empty" });
  });

  test.each([
    ["SVG", '<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'],
    ["SVG", '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'],
    ["HTML", "<!DOCTYPE html><title>x</title>"],
    ["BMP", "BM\x00\x00"],
    ["HEIC", "\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"],
    ["JPEG XL", "\xff\x0a\x00"],
    ["PDF", "%PDF-1.7"],
    ["text", "hello"],
    ["an unknown kind of file", "\x00\x01\x02"],
  ])("%s is named and refused", async (found, content) => {
    const error = await refusal(Buffer.from(content, "latin1"));
    expect(error.reason).toBe("unsupportedFormat");
    expect(error.message).toBe(`the image is ${found}; allowed are PNG, JPG, WEBP, AVIF, GIF and TIFF`);
  });

  test.each(imageFormats)("%s magic followed by garbage", async (format) => {
    const good = await encodeImage(gradient(32, 32), { format });
    const rubbish = Buffer.concat([good.subarray(0, 12), Buffer.alloc(200, 0x5a)]);
    expect(await refusal(rubbish)).toMatchObject({ reason: "damaged" });
  });

  test.each(imageFormats)("%s cut off anywhere before its last pixels", async (format) => {
    const noise = gradient(48, 48);
    for (let i = 0; i < noise.pixels.length; i++) noise.pixels[i] = (noise.pixels[i]! * 31 + i * 17) % 256;
    const whole = await encodeImage(noise, { format });
    for (const part of [0.05, 0.3, 0.6, 0.9]) {
      const error = await refusal(whole.subarray(0, Math.floor(whole.length * part)));
      expect(error).toMatchObject({ reason: "damaged" });
      expect(error.message).toContain(`the ${format} image is damaged or incomplete`);
    }
  });

  test("a PNG bomb of 20,000² in a few hundred kilobytes is refused by its header, immediately", async () => {
    const row = Buffer.alloc(1 + 20_000 / 8);
    const data = deflateSync(Buffer.concat(Array.from({ length: 2_000 }, () => row)), { level: 9 });
    const bomb = pngFile({ width: 20_000, height: 20_000, colourType: 0, bitDepth: 1, data });
    expect(bomb.length).toBeLessThan(50_000);
    const before = process.memoryUsage().rss;
    const error = await refusal(bomb);
    expect(error).toMatchObject({ reason: "tooManyPixels" });
    expect(error.message).toBe("the image has 20000×20000 pixels; at most 50000000 in total are allowed");
    expect(process.memoryUsage().rss - before).toBeLessThan(50_000_000);
  });

  test("a PNG of zero width", async () => {
    expect(await refusal(pngFile({ width: 0, height: 4, colourType: 2, rows: [[]] }))).toMatchObject({
      reason: "damaged",
    });
  });
});

describe("resize", () => {
  test("fill gives exactly the requested size", async () => {
    const small = await resizeImage(gradient(64, 64), 30, 17);
    expect(small).toMatchObject({ width: 30, height: 17 });
    expect(small.pixels.length).toBe(30 * 17 * 3);
  });

  test("cover keeps the middle", async () => {
    const wide: RgbImage = { width: 30, height: 10, pixels: new Uint8Array(900) };
    for (let y = 0; y < 10; y++) for (let x = 10; x < 20; x++) wide.pixels[(y * 30 + x) * 3] = 255;
    const square = await resizeImage(wide, 10, 10, "cover");
    expect(square.pixels.filter((_, i) => i % 3 === 0).every((red) => red > 200)).toBe(true);
  });

  test("grey images keep one channel", async () => {
    const mask = { width: 8, height: 8, pixels: new Uint8Array(64).map((_, i) => (i % 8 < 4 ? 255 : 0)) };
    const larger = await resizeGray(mask, 16, 4);
    expect(larger.pixels.length).toBe(64);
    expect([larger.pixels[0], larger.pixels[15]]).toEqual([255, 0]);
  });

  test.each([200, 96])("a mask of %s pixels stays black and white next to its border", async (side) => {
    const half = { width: side, height: 1, pixels: new Uint8Array(side).map((_, x) => (x < side / 2 ? 0 : 255)) };
    const { pixels } = await resizeGray(half, 128, 1);
    const [near, far] = [64 - Math.ceil(128 / side), 64 + Math.ceil(128 / side)];
    expect(new Set(pixels.subarray(0, near))).toEqual(new Set([0]));
    expect(new Set(pixels.subarray(far))).toEqual(new Set([255]));
  });

  test("grey values equal PIL's", () => {
    const colours = [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 10, 20, 30];
    const { pixels } = grayOf({ width: 5, height: 1, pixels: Uint8Array.from(colours) });
    expect([...pixels]).toEqual([76, 150, 29, 255, 18]);
  });

  test.each([
    [0, 5],
    [5, 16385],
    [2.5, 5],
  ])("%s×%s is refused", async (width, height) => {
    await expect(resizeImage(gradient(8, 8), width, height)).rejects.toThrow(`size is ${width}×${height}`);
  });
});

test("text uses Inkstone's font, whatever fonts the machine has", async () => {
  const { width, height, pixels } = await textMask("Inkstone", 40);
  // Within what hinting changes; in DejaVu Sans it is 166 wide.
  expect(Math.abs(width - 173)).toBeLessThanOrEqual(2);
  expect(Math.abs(height - 30)).toBeLessThanOrEqual(1);
  expect(Math.max(...pixels)).toBe(255);
  await expect(textMask(" ", 40)).rejects.toMatchObject({ reason: "noText" });
});
