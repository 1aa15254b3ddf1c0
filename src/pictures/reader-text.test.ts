import { describe, expect, test } from "vitest";
import { metadataOf } from "../../test/pictures.ts";
import { decodeImage, encodeImage, readMetadata } from "./codec.ts";
import { imageFormats } from "./picture.ts";
import { readerText } from "./reader-text.ts";

const metadata = {
  software: "inkstone 0.1.0",
  parameters: {
    model: "inkstone:nano@1",
    positivePrompt: 'a sign: "春桥锅贴" 🥟',
    negativePrompt: "blur",
    width: 256,
    height: 128,
    seed: 18446744073709551615n,
    steps: 20,
    scheduler: "Euler",
    CFGScale: 4,
  },
};
const text = `a sign: "春桥锅贴" 🥟
Negative prompt: blur
Steps: 20, Sampler: Euler, CFG scale: 4, Seed: 18446744073709551615, Size: 256x128, Model: inkstone:nano@1, Version: inkstone 0.1.0`;

const image = { width: 17, height: 16, pixels: new Uint8Array(17 * 16 * 3).fill(77) };

test("the text has A1111's form", () => expect(readerText(metadata)).toBe(text));

describe("in a file", () => {
  test.each(imageFormats)("%s still decodes, and the XMP is unchanged", async (format) => {
    const bytes = await encodeImage(image, { format, metadata });
    expect(await decodeImage(bytes)).toMatchObject({ width: 17, height: 16, format });
    expect(await readMetadata(bytes)).toEqual(metadata);
  });

  test("PNG: a text chunk named parameters, which libvips reads", async () => {
    const { comments } = await metadataOf(await encodeImage(image, { format: "PNG", metadata }));
    expect(comments).toContainEqual({ keyword: "parameters", text });
  });

  test.each(["JPG", "WEBP"] as const)("%s: EXIF UserComment in UTF-16", async (format) => {
    const { exif } = await metadataOf(await encodeImage(image, { format, metadata }));
    const at = exif!.indexOf("UNICODE\0");
    expect(
      Buffer.from(exif!.subarray(at + 8))
        .swap16()
        .toString("utf16le")
        .replace(/\0$/, ""),
    ).toBe(text);
  });

  test("a text too long for a JPEG segment is omitted; everything else stays", async () => {
    const long = { software: "x", parameters: { positivePrompt: "n".repeat(32_768) } };
    const bytes = await encodeImage(image, { format: "JPG", metadata: long });
    expect((await metadataOf(bytes)).exif).toBeUndefined();
    expect(await readMetadata(bytes)).toEqual(long);
  });
});
