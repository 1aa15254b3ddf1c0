import { expect, test } from "vitest";
import { encodeImage } from "../src/pictures/index.ts";
import { formatOf, sizeOf } from "./picture-header.ts";

const pixels = { width: 37, height: 21, pixels: new Uint8Array(37 * 21 * 3).map((_, i) => i % 251) };

test.each(["PNG", "JPG", "WEBP"] as const)("%s, with metadata before the image and without", async (format) => {
  const parameters = { positivePrompt: "long ".repeat(20_000) };
  for (const metadata of [undefined, { software: "inkstone", parameters }]) {
    const bytes = await encodeImage(pixels, { format, ...(metadata && { metadata }) });
    expect(sizeOf(bytes, formatOf(bytes)!)).toEqual({ width: 37, height: 21 });
  }
});

test("WEBP without loss", () => {
  const bytes = Buffer.from("RIFF....WEBPVP8L....\x2f....", "latin1");
  bytes.writeUInt32LE((20_000 - 1) | ((300 - 1) << 14), 21);
  expect(sizeOf(new Uint8Array(bytes), "webp")).toEqual({ width: 3616, height: 300 }); // 14 bits each
});

test("a truncated file, or one without a size, has none", async () => {
  const bytes = await encodeImage(pixels, { format: "JPG" });
  for (let end = 3; end < 20; end++) expect(sizeOf(bytes.subarray(0, end), "jpeg")).toBeUndefined();
  expect(sizeOf(Buffer.from("RIFF....WEBPABCD............"), "webp")).toBeUndefined();
});
