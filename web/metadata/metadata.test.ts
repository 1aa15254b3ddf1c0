/** Files are made here: by the program itself, and byte by byte as other programs write them. */

import { crc32, deflateSync } from "node:zlib";
import { expect, test } from "vitest";
import { encodeImage } from "../../src/pictures/index.ts";
import { readParameters } from "./index.ts";

const picture = { width: 16, height: 16, pixels: new Uint8Array(16 * 16 * 3) };
const PNG = await encodeImage(picture, { format: "PNG", quality: 90, metadata: { software: "x", parameters: {} } });

const ours = { positivePrompt: 'A sign <b> & "TEA" 茶', seed: 2n ** 63n - 1n, steps: 8, width: 256, height: 256 };

test.each(["PNG", "JPG", "WEBP"] as const)("%s of this program, with every digit of the seed", async (format) => {
  const bytes = await encodeImage(picture, {
    format,
    quality: 90,
    metadata: { software: "inkstone", parameters: ours },
  });
  expect(await readParameters(new Blob([new Uint8Array(bytes)]))).toEqual(ours);
});

test("a long prompt in a JPEG, which needs several segments", async () => {
  const parameters = { positivePrompt: "long ".repeat(30_000) };
  const bytes = await encodeImage(picture, {
    format: "JPG",
    quality: 90,
    metadata: { software: "inkstone", parameters },
  });
  expect(await readParameters(new Blob([new Uint8Array(bytes)]))).toEqual(parameters);
});

const SIGNATURE = PNG.subarray(0, 8);
/** A PNG that begins with the header and these chunks; its picture does not matter here. */
function pngWith(...chunks: (readonly [type: string, data: Uint8Array])[]): Blob {
  const parts = chunks.map(([type, data]) => {
    const bytes = new Uint8Array(12 + data.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, data.length);
    bytes.set(Buffer.from(type), 4);
    bytes.set(data, 8);
    view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
    return bytes;
  });
  return new Blob([SIGNATURE, ...parts]);
}

const A1111 = `A red fox in snow, (detailed:1.2)
second line
Negative prompt: blurry, text
Steps: 25, Sampler: Euler a, CFG scale: 6.5, Seed: 1234567890, Size: 512x768, Model hash: abc, Version: 1.9`;

const foreign = {
  positivePrompt: "A red fox in snow, (detailed:1.2)\nsecond line",
  negativePrompt: "blurry, text",
  steps: 25,
  CFGScale: 6.5,
  seed: 1234567890,
  width: 512,
  height: 768,
};

test.each([
  ["tEXt", Buffer.concat([Buffer.from("parameters\0"), Buffer.from(A1111, "latin1")])],
  ["zTXt", Buffer.concat([Buffer.from("parameters\0\0"), deflateSync(Buffer.from(A1111))])],
  ["iTXt", Buffer.concat([Buffer.from("parameters\0\0\0\0\0"), Buffer.from(A1111)])],
])("AUTOMATIC1111 in %s", async (type, data) => {
  expect(await readParameters(pngWith([type, data]))).toEqual(foreign);
});

test("AUTOMATIC1111 in the user comment of a JPEG", async () => {
  const text = Buffer.from(A1111, "utf16le").swap16();
  const exif = Buffer.alloc(52);
  exif.write("MM\0*", 0, "latin1");
  exif.writeUInt32BE(8, 4);
  exif.writeUInt16BE(1, 8); // folder with one entry: where the EXIF folder is
  exif.writeUInt16BE(0x8769, 10);
  exif.writeUInt16BE(4, 12);
  exif.writeUInt32BE(1, 14);
  exif.writeUInt32BE(26, 18);
  exif.writeUInt16BE(1, 26); // the EXIF folder: the comment
  exif.writeUInt16BE(0x9286, 28);
  exif.writeUInt16BE(7, 30);
  exif.writeUInt32BE(8 + text.length, 32);
  exif.writeUInt32BE(44, 36);
  exif.write("UNICODE\0", 44, "latin1");
  const data = Buffer.concat([Buffer.from("Exif\0\0"), exif, text]);
  const head = Buffer.from([0xff, 0xd8, 0xff, 0xe1, 0, 0]);
  head.writeUInt16BE(data.length + 2, 4);
  expect(await readParameters(new Blob([head, data]))).toEqual(foreign);
});

test("ComfyUI: the sampler, and its linked nodes", async () => {
  const graph = {
    "3": {
      class_type: "KSampler",
      inputs: {
        seed: 42,
        steps: 20,
        cfg: 2.5,
        positive: ["6", 0],
        negative: ["7", 0],
        latent_image: ["5", 0],
        model: ["4", 0],
      },
    },
    "4": { class_type: "UNETLoader", inputs: { unet_name: "qwen_image.safetensors" } },
    "5": { class_type: "EmptySD3LatentImage", inputs: { width: 1328, height: 1328, batch_size: 1 } },
    "6": { class_type: "CLIPTextEncode", inputs: { text: ["9", 0], clip: ["8", 0] } },
    "7": { class_type: "CLIPTextEncode", inputs: { text: "", clip: ["8", 0] } },
    "9": { class_type: "PrimitiveString", inputs: { value: "茶 house" } },
  };
  const data = Buffer.concat([Buffer.from("prompt\0\0\0\0\0"), Buffer.from(JSON.stringify(graph))]);
  expect(await readParameters(pngWith(["iTXt", data]))).toEqual({
    positivePrompt: "茶 house",
    steps: 20,
    CFGScale: 2.5,
    seed: 42,
    width: 1328,
    height: 1328,
  });
});

test("a cyclic graph, a text that unpacks to a gigabyte, and a truncated file give nothing", async () => {
  const circle = {
    "1": { class_type: "K", inputs: { positive: ["2", 0], negative: ["2", 0], steps: ["2", 0] } },
    "2": { class_type: "L", inputs: { a: ["2", 0] } },
  };
  const data = Buffer.concat([Buffer.from("prompt\0"), Buffer.from(JSON.stringify(circle))]);
  expect(await readParameters(pngWith(["tEXt", data]))).toEqual({});
  const bomb = Buffer.concat([Buffer.from("parameters\0\0"), deflateSync(Buffer.alloc(2 ** 26, 65))]);
  expect(await readParameters(pngWith(["zTXt", bomb]))).toBeUndefined();
  const whole = await encodeImage(picture, {
    format: "JPG",
    quality: 90,
    metadata: { software: "x", parameters: ours },
  });
  for (let end = 0; end < Math.min(whole.length, 900); end += 7)
    await readParameters(new Blob([new Uint8Array(whole.subarray(0, end))]));
});
