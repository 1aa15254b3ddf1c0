import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeImage, readMetadata } from "./codec.ts";
import { formatMetadata, type MetadataObject, parseMetadata } from "./metadata.ts";
import { imageFormats } from "./picture.ts";

const image = { width: 16, height: 16, pixels: new Uint8Array(16 * 16 * 3) };

const parameters: MetadataObject = {
  positivePrompt: 'A sign "春桥锅贴" & <Spring Bridge>\n\ttab, 🥟, a\u0000b, \ufffe, \u0085, lone \ud800, ]]> &amp;',
  negativePrompt: " ",
  seed: 18446744073709551615n,
  CFGScale: 7.5,
  width: 1024,
  lora: [{ model: "a:1@2", weight: -0.25 }],
  nothing: null,
  flag: false,
};

describe("metadata in a file", () => {
  test.each(imageFormats)("%s returns the written metadata exactly", async (format) => {
    for (const facts of [{}, { skippedSteps: 0 }, { skippedSteps: 7.5 }]) {
      const metadata = { software: "inkstone 0.1.0", parameters, ...facts };
      const bytes = await encodeImage(image, { format, metadata });
      expect(await readMetadata(bytes)).toEqual(metadata);
    }
  });

  test.each(imageFormats)("%s holds the longest prompts of the API", async (format) => {
    const long = { positivePrompt: "春".repeat(32_000), negativePrompt: "\u0001&".repeat(16_000) };
    const metadata = { software: "inkstone 0.1.0", parameters: long };
    const bytes = await encodeImage(image, { format, metadata });
    expect(await readMetadata(bytes)).toEqual(metadata);
  });

  test.each(imageFormats)("%s without metadata has none", async (format) => {
    expect(await readMetadata(await encodeImage(image, { format }))).toBeUndefined();
  });

  test.each([59_999, 60_000, 60_001, 65_000, 65_536, 130_000, 195_000])(
    "JPG around the limits of a segment: a packet of %i bytes",
    async (length) => {
      const frame = Buffer.byteLength(formatMetadata({ software: "x", parameters: { note: "" } }));
      const note = "n".repeat(length - frame);
      const bytes = await encodeImage(image, { format: "JPG", metadata: { software: "x", parameters: { note } } });
      expect((await readMetadata(bytes))?.parameters.note === note).toBe(true);
    },
  );

  test("a long JPG packet with a missing piece counts as damaged", async () => {
    const metadata = { software: "x", parameters: { note: "n".repeat(200_000) } };
    const bytes = Buffer.from(await encodeImage(image, { format: "JPG", metadata }));
    const second = bytes.indexOf("http://ns.adobe.com/xmp/extension/", 70_000);
    const broken = Buffer.concat([bytes.subarray(0, second - 4), bytes.subarray(second + 65_000)]);
    await expect(readMetadata(broken)).resolves.toBeUndefined();
  });
});

describe("the packet", () => {
  test("any text survives", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (text, n) => {
        const seed = n > BigInt(Number.MAX_SAFE_INTEGER) ? n : Number(n);
        const metadata = { software: "inkstone", parameters: { text, seed } };
        expect(parseMetadata(formatMetadata(metadata))).toEqual(metadata);
      }),
    );
  });

  test("packets of other programs are ignored", () => {
    expect(parseMetadata("<x:xmpmeta><rdf:RDF/></x:xmpmeta>")).toBeUndefined();
  });

  test.each(["{", "[1]", "7"])("a damaged one is named: %s", (json) => {
    const packet = `<inkstone:parameters>${json}</inkstone:parameters>`;
    expect(() => parseMetadata(packet)).toThrow("the image's parameters are damaged");
  });

  test("numbers that JSON cannot express are refused", () => {
    expect(() => formatMetadata({ software: "x", parameters: { steps: Number.NaN } })).toThrow(
      "the parameter steps is NaN; allowed are finite numbers",
    );
  });
});
