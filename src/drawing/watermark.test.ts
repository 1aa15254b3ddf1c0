import { describe, expect, test } from "vitest";
import type { RgbImage } from "../pictures/index.ts";
import { type ImageInferenceTask, parseTask } from "../protocol/index.ts";
import { watermarker, watermarkOf } from "./watermark.ts";

const SIZE = { width: 256, height: 160 };

const plain = (value: number, { width, height } = SIZE): RgbImage => ({
  width,
  height,
  pixels: new Uint8Array(width * height * 3).fill(value),
});

/** A logo: red, with a clear left half that hides green. */
const logo = {
  width: 40,
  height: 40,
  pixels: Uint8Array.from(
    { length: 40 * 40 * 3 },
    (_, at) => ((at / 3) % 40 < 20 ? [0, 255, 0] : [255, 0, 0])[at % 3]!,
  ),
  alpha: Uint8Array.from({ length: 40 * 40 }, (_, i) => (i % 40 < 20 ? 0 : 255)),
};

function task(watermark: object): ImageInferenceTask {
  const base = {
    taskType: "imageInference",
    taskUUID: crypto.randomUUID(),
    model: "runware:108@1",
    positivePrompt: "x",
  };
  const parsed = parseTask({ ...base, ...SIZE, advancedFeatures: { watermark } });
  if (!parsed.ok) throw parsed.errors[0];
  return parsed.task as ImageInferenceTask;
}

const given = { image: "ddf77178-639c-48d8-9827-501a20948cf7" };

async function marked(watermark: object, picture = plain(120)): Promise<RgbImage> {
  return (await watermarker(watermarkOf(task(watermark), logo)!, picture))(picture);
}

/** The rectangle of pixels that differ from a plain picture. */
function touched({ width, pixels }: RgbImage, value = 120) {
  const xs: number[] = [];
  const ys: number[] = [];
  for (let i = 0; i < pixels.length / 3; i++) {
    if ([0, 1, 2].every((c) => pixels[3 * i + c] === value)) continue;
    xs.push(i % width);
    ys.push(Math.floor(i / width));
  }
  return {
    left: Math.min(...xs),
    right: Math.max(...xs),
    top: Math.min(...ys),
    bottom: Math.max(...ys),
    count: xs.length,
  };
}

const at = ({ width, pixels }: RgbImage, x: number, y: number) => [
  ...pixels.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
];

test.each([
  ["top-left", "left", "top"],
  ["top-center", "middle", "top"],
  ["top-right", "right", "top"],
  ["center-left", "left", "middle"],
  ["center", "middle", "middle"],
  ["center-right", "right", "middle"],
  ["bottom-left", "left", "bottom"],
  ["bottom-center", "middle", "bottom"],
  ["bottom-right", "right", "bottom"],
])("a text at %s changes nothing else", async (displayPosition, across, down) => {
  const { left, right, top, bottom } = touched(await marked({ text: "Inkstone", displayPosition }));
  const where = (start: number, end: number, length: number, [near, far]: [string, string]) => {
    const [before, after] = [start, length - 1 - end];
    return Math.abs(before - after) <= 2 ? "middle" : before < after ? near : far;
  };
  expect(where(left, right, SIZE.width, ["left", "right"])).toBe(across);
  expect(where(top, bottom, SIZE.height, ["top", "bottom"])).toBe(down);
  expect(Math.min(left, top, SIZE.width - right, SIZE.height - bottom)).toBeGreaterThan(2);
});

describe("colours and opacity", () => {
  test("letters have the requested colour, on a plate of the contrasting one", async () => {
    const picture = await marked({
      text: "■■",
      fontColor: "#F00",
      bgColor: "0000FF",
      opacity: 1,
      displayPosition: "center",
    });
    const { left, right, top, bottom } = touched(picture);
    expect(at(picture, left, top)).toEqual([0, 0, 255]);
    expect(at(picture, right, bottom)).toEqual([0, 0, 255]);
    expect(picture.pixels.some((_, i) => i % 3 === 0 && String(picture.pixels.subarray(i, i + 3)) === "255,0,0")).toBe(
      true,
    );
  });

  test("opacity is the visible share", async () => {
    const picture = await marked({ text: "ink", bgColor: "#FFFFFF", opacity: 0.25 }, plain(100));
    const { right, bottom } = touched(picture, 100);
    expect(at(picture, right, bottom)).toEqual([139, 139, 139]);
  });

  test("without a plate, white letters are legible on white and black ones on black", async () => {
    expect(touched(await marked({ text: "Inkstone" }, plain(255)), 255).count).toBeGreaterThan(100);
    expect(touched(await marked({ text: "Inkstone", fontColor: "#000" }, plain(0)), 0).count).toBeGreaterThan(100);
  });
});

describe("an image", () => {
  test("keeps its colours; transparent pixels show the image below", async () => {
    const picture = await marked({ ...given, opacity: 1, displayPosition: "top-left" });
    expect(touched(picture)).toEqual({ left: 24, right: 43, top: 4, bottom: 43, count: 20 * 40 });
    expect(at(picture, 40, 20)).toEqual([255, 0, 0]);
  });

  test("is shrunk to a quarter of the image, without the colours under transparent pixels", async () => {
    const large = {
      ...plain(0, { width: 600, height: 600 }),
      alpha: Uint8Array.from({ length: 360_000 }, (_, i) => (i % 600 < 300 ? 0 : 255)),
    };
    large.pixels.forEach((_, i) => {
      large.pixels[i] = (i / 3) % 600 < 300 ? 255 : 0;
    });
    const mark = watermarkOf(task({ ...given, opacity: 1, displayPosition: "center" }), large)!;
    const picture = (await watermarker(mark, SIZE))(plain(120));
    const { left, right, top, bottom } = touched(picture);
    expect([right - left, bottom - top]).toEqual([expect.closeTo(20, -1), 39]);
    expect(Math.max(...picture.pixels)).toBe(120);
  });
});

test.each([{ displayPosition: "tiled" }, { tiled: true }])("tiles reach everywhere: %j", async (how) => {
  const picture = await marked({ text: "draft", ...how });
  const { left, right, top, bottom } = touched(picture);
  expect(left).toBeLessThan(30);
  expect(top).toBeLessThan(30);
  expect(right).toBeGreaterThan(SIZE.width - 30);
  expect(bottom).toBeGreaterThan(SIZE.height - 30);
});

test("the longest text fits the smallest image", async () => {
  const picture = await marked({ text: "l".repeat(32) }, plain(120, { width: 128, height: 128 }));
  expect(touched(picture).left).toBeGreaterThan(0);
});

test("markup characters are letters; a text without visible characters is refused by name", async () => {
  expect(touched(await marked({ text: '<b>&"' })).count).toBeGreaterThan(10);
  await expect(marked({ text: "  " })).rejects.toMatchObject({ parameter: "watermark.text" });
});

test.each([
  [{}, "missingWatermarkText"],
  [{ text: "ab", ...given }, "incompatibleParameters"],
  [{ ...given, fontColor: "#FFF" }, "incompatibleParameters"],
  [{ text: "a" }, "invalidWatermarkText"],
  [{ text: "a".repeat(33) }, "invalidWatermarkText"],
  [{ text: "ab", opacity: 0 }, "invalidWatermarkOpacity"],
  [{ text: "ab", bgColor: "red" }, "invalidWatermarkBgColor"],
  [{ text: "ab", displayPosition: "north" }, "invalidWatermarkDisplayPosition"],
])("%j is refused: %s", (watermark, code) => {
  expect(() => task(watermark)).toThrow(expect.objectContaining({ code }));
});
