import { expect, test } from "vitest";
import { composite, crop, paste } from "./composite.ts";
import { grayOf } from "./picture.ts";

/** Pixel i of so many has the values 3i, 3i + 1, 3i + 2. */
const counted = (width: number, height: number) => ({
  width,
  height,
  pixels: Uint8Array.from({ length: width * height * 3 }, (_, i) => i),
});

test("composite mixes by opacity, rounded, and keeps pixels with opacity 0 bit for bit", () => {
  const old = { width: 4, height: 1, pixels: new Uint8Array(12).fill(10) };
  const fresh = { width: 4, height: 1, pixels: new Uint8Array(12).fill(21) };
  const opacity = { width: 4, height: 1, pixels: Uint8Array.of(0, 12, 127, 255) };
  expect([...composite(old, fresh, opacity).pixels]).toEqual([10, 10, 10, 11, 11, 11, 15, 15, 15, 21, 21, 21]);
  expect([...old.pixels]).toEqual(Array(12).fill(10));
});

test("crop cuts a rectangle from an image or a mask, paste inserts one; nothing else changes", () => {
  const picture = counted(4, 3);
  const area = { left: 1, top: 2, width: 2, height: 1 };
  expect(crop(picture, area)).toEqual({ width: 2, height: 1, pixels: Uint8Array.of(27, 28, 29, 30, 31, 32) });
  const mask = { width: 4, height: 3, pixels: Uint8Array.from({ length: 12 }, (_, i) => i) };
  expect(crop(mask, { left: 2, top: 1, width: 1, height: 2 }).pixels).toEqual(Uint8Array.of(6, 10));

  const patch = { width: 2, height: 1, pixels: new Uint8Array(6).fill(200) };
  const pasted = paste(picture, patch, 1, 2);
  expect(crop(pasted, area).pixels).toEqual(patch.pixels);
  const changed = [...pasted.pixels.keys()].filter((i) => pasted.pixels[i] !== picture.pixels[i]);
  expect(changed).toEqual([27, 28, 29, 30, 31, 32]);
});

test("brightness weighs red, green and blue by ITU-R 601, rounded like PIL", () => {
  const pixels = Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 1, 2, 3);
  expect([...grayOf({ width: 5, height: 1, pixels }).pixels]).toEqual([76, 150, 29, 255, 2]);
});
