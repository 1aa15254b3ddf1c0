import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { inkstone } from "../../test/cli.ts";
import { decodeImage, encodeImage, guideImage, readMetadata } from "../pictures/index.ts";

const [width, height] = [80, 40];
/** A white box on black. */
const box = {
  width,
  height,
  pixels: Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return x >= 20 && x < 60 && y >= 10 && y < 30 ? 255 : 0;
  }),
};

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "inkstone-preprocess-"));
  await writeFile(join(cwd, "box.png"), await encodeImage(box, { format: "PNG" }));
});
afterEach(() => rm(cwd, { recursive: true }));

const preprocess = (...args: string[]) => inkstone(["preprocess", ...args], { cwd });

test("writes the guide image next to the input, with the task that reproduces it", async () => {
  const { code, out } = await preprocess("canny", "box.png", "--low", "50", "--high", "150");
  expect([code, out]).toEqual([0, "box-canny.png\n"]);
  const bytes = await readFile(join(cwd, "box-canny.png"));
  const expected = guideImage(box, { kind: "canny", low: 50, high: 150 });
  expect(Buffer.compare((await decodeImage(bytes)).pixels, expected.pixels)).toBe(0);
  expect(expected.pixels.includes(255)).toBe(true);
  expect((await readMetadata(bytes))?.parameters).toMatchObject({
    preProcessorType: "canny",
    lowThresholdCanny: 50,
    highThresholdCanny: 150,
    inputImage: expect.stringMatching(/^sha256:/),
  });
});

test("shrinks to the limit, and never enlarges", async () => {
  await preprocess("tile", "box.png", "--width", "20", "--out", "small.webp");
  expect(await decodeImage(await readFile(join(cwd, "small.webp")))).toMatchObject({ width: 20, height: 10 });
  await preprocess("softedge", "box.png", "--height", "2000", "--out", "same.png");
  expect(await decodeImage(await readFile(join(cwd, "same.png")))).toMatchObject({ width, height });
});

test.each([
  [
    ["depth", "box.png"],
    "KIND: The preprocessor 'depth' does not come with Inkstone. Supported are: 'canny', 'scribble'",
  ],
  [["sketch", "box.png"], "KIND: Invalid value for 'preProcessorType'"],
  [["canny", "box.png", "--low", "200"], "--low: Invalid value for 'lowThresholdCanny'"],
  [["canny", "box.png", "--width", "x"], "--width: Invalid value for 'width'"],
  [["canny", "none.png"], "none.png cannot be read"],
])("%j is refused by name", async (args, message) => {
  const { code, err } = await preprocess(...args);
  expect(code).toBe(2);
  expect(err).toContain(message);
});
