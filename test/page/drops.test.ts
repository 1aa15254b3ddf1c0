/** Files that are dropped onto the page: what they offer, and which are refused. */

import { crc32, deflateSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeImage } from "../../src/pictures/index.ts";
import { buildPage, drop, hasChromium, type Studio, startStudio } from "./studio.ts";

const pixels = { width: 32, height: 32, pixels: new Uint8Array(32 * 32 * 3) };
const PNG = await encodeImage(pixels, { format: "PNG" });

/** A PNG with one more chunk behind its header. */
function pngWith(type: string, text: Buffer): Buffer {
  const chunk = Buffer.alloc(12 + text.length);
  chunk.writeUInt32BE(text.length, 0);
  chunk.write(type, 4);
  text.copy(chunk, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + text.length)), 8 + text.length);
  const header = 8 + 25;
  return Buffer.concat([PNG.subarray(0, header), chunk, PNG.subarray(header)]);
}

const A1111 = pngWith(
  "tEXt",
  Buffer.from(
    "parameters\0a red fox in snow\nNegative prompt: blurry\nSteps: 25, Sampler: Euler a, CFG scale: 6.5, Seed: 1234567890, Size: 512x768, Model hash: abc",
  ),
);
const COMFY = pngWith(
  "tEXt",
  Buffer.from(
    `prompt\0${JSON.stringify({
      "3": {
        class_type: "KSampler",
        inputs: { seed: 42, steps: 12, cfg: 2.5, positive: ["6", 0], negative: ["7", 0], latent_image: ["5", 0] },
      },
      "5": { class_type: "EmptySD3LatentImage", inputs: { width: 640, height: 320, batch_size: 1 } },
      "6": { class_type: "CLIPTextEncode", inputs: { text: "a tea house <img src=x onerror=alert(1)>" } },
      "7": { class_type: "CLIPTextEncode", inputs: { text: "" } },
    })}`,
  ),
);

/** 40 000 pixels square in some kilobytes. */
function bomb(): Buffer {
  const side = 40_000;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([1, 0, 0, 0, 0], 8);
  const chunk = (type: string, data: Buffer) => {
    const bytes = Buffer.alloc(12 + data.length);
    bytes.writeUInt32BE(data.length, 0);
    bytes.write(type, 4);
    data.copy(bytes, 8);
    bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
    return bytes;
  };
  const rows = deflateSync(Buffer.alloc((side / 8 + 1) * side), { level: 9 });
  return Buffer.concat([
    PNG.subarray(0, 8),
    chunk("IHDR", header),
    chunk("IDAT", rows),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

describe.skipIf(!hasChromium)("dropping a file", () => {
  let studio: Studio;
  beforeAll(async () => {
    await buildPage();
    studio = await startStudio();
  });
  afterAll(() => studio?.stop());

  test.each(["PNG", "JPG", "WEBP"] as const)(
    "a %s of Inkstone restores its settings, with every digit of the seed, and nothing else",
    async (format) => {
      const page = await studio.open();
      const parameters = { positivePrompt: `from a ${format}`, seed: 2n ** 63n - 1n, steps: 7 };
      const file = await encodeImage(pixels, { format, metadata: { software: "inkstone", parameters } });
      await drop(page, file, "picture", `image/${format === "JPG" ? "jpeg" : format.toLowerCase()}`);
      await page.waitForSelector(`dialog >> text=from a ${format}`);
      expect(await page.inputValue("#prompt")).toBe("");
      await page.click("dialog >> text=Use all settings");
      expect(await page.inputValue("#prompt")).toBe(`from a ${format}`);
      expect(await page.inputValue(".seed input")).toBe("9223372036854775807");
      await page.click(".notice >> text=Undo");
      expect(await page.inputValue("#prompt")).toBe("");
      expect(page.faults).toEqual([]);
      await page.context().close();
    },
  );

  test("an image of AUTOMATIC1111 restores its settings", async () => {
    const page = await studio.open();
    await drop(page, A1111, "00001.png", "image/png");
    await page.waitForSelector("dialog >> text=a red fox in snow");
    await page.click("dialog >> text=Use all settings");
    expect(await page.inputValue("#prompt")).toBe("a red fox in snow");
    expect(await page.inputValue(".seed input")).toBe("1234567890");
    const { negativePrompt, steps, CFGScale, width, height } = await draftOf(page);
    expect({ negativePrompt, steps, CFGScale, width, height }).toEqual({
      negativePrompt: "blurry",
      steps: 25,
      CFGScale: 6.5,
      width: 512,
      height: 768,
    });
    expect(page.faults).toEqual([]);
    await page.context().close();
  });

  test("an image of ComfyUI restores its settings; markup in it is text", async () => {
    const page = await studio.open();
    await drop(page, COMFY, "ComfyUI_00001_.png", "image/png");
    await page.waitForSelector("dialog >> text=a tea house <img src=x onerror=alert(1)>");
    await page.click("dialog >> text=Use prompt");
    expect(await page.inputValue("#prompt")).toBe("a tea house <img src=x onerror=alert(1)>");
    await drop(page, COMFY, "ComfyUI_00001_.png", "image/png");
    await page.click("dialog >> text=Use all settings");
    const { steps, CFGScale, width, height } = await draftOf(page);
    expect({ steps, CFGScale, width, height }).toEqual({ steps: 12, CFGScale: 2.5, width: 640, height: 320 });
    expect(page.faults).toEqual([]);
    await page.context().close();
  });

  test("SVG and HTML with the name of an image, a truncated file and a bomb are refused with a message, and the page stays", async () => {
    const page = await studio.open();
    const refused = async (bytes: Uint8Array, sentence: string) => {
      await drop(page, bytes, "picture.png", "image/png");
      await page.waitForSelector(`.notice >> text=${sentence}`);
      await page.click('.notice [aria-label="Close"]');
    };
    for (const text of ["<svg xmlns='http://www.w3.org/2000/svg'/>", "<!doctype html><script>1</script>"]) {
      await refused(Buffer.from(text), "This is not a PNG, JPEG or WEBP picture.");
    }
    await refused(PNG.subarray(0, 20), "This picture is damaged.");
    await refused(bomb(), "This picture is too large.");
    expect(await page.locator("dialog").count()).toBe(0);
    expect(new URL(page.url()).pathname).toBe("/");
    expect(page.faults).toEqual([]);
  });
});

/** The draft that the page keeps. */
async function draftOf(page: { evaluate(code: string): Promise<unknown> }): Promise<Record<string, unknown>> {
  return (await page.evaluate('JSON.parse(localStorage["inkstone.draft"])')) as Record<string, unknown>;
}
