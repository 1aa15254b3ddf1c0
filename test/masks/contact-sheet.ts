/**
 * Draws over a picture through masks of several shapes and extends it on each side: `npm run sheet:masks -- MODEL OUT.webp`.
 * Each case shows what is given, the mask in red over it, and beside it the result.
 */

import sharp from "sharp";
import { draw } from "../../src/drawing/index.ts";
import { Pipeline } from "../../src/engine/index.ts";
import type { RgbImage } from "../../src/pictures/index.ts";
import { type Tile, writeContactSheet } from "../support/contact-sheet.ts";
import { CASES, type Case, SIDE } from "./cases.ts";

const COLUMNS = 3;

const [model, out] = process.argv.slice(2);
if (!model || !out) throw new Error("usage: npm run sheet:masks -- MODEL OUT.webp");

const pipeline = await Pipeline.load(model);
const size = { width: SIDE, height: SIDE };
const sign = 'A wooden sign that says "TEA" in white letters on a teal background';
const [seed] = await pipeline.generate({ prompt: sign, ...size, steps: 20, seed: 3n });
const tiles: Tile[] = [];
for (const example of CASES) {
  const { title, drawing } = example;
  const prompt = 'A red enamel sign that says "OPEN" in yellow letters on a teal background';
  const start = drawing.outpaint ? { prompt: sign, strength: 0.9 } : { prompt, strength: 1 };
  const [result] = await draw(pipeline, {
    image: seed!,
    ...size,
    seed: 5n,
    steps: 20,
    guidance: 4,
    ...start,
    ...drawing,
  });
  tiles.push({ title, pictures: [await given(seed!, example), result!] });
  console.error(title);
}
await pipeline.dispose();

await writeContactSheet(out, tiles, COLUMNS, SIDE);

/** The seed image with the mask in red, or small in its place among what is to be added. */
async function given(seed: RgbImage, { drawing: { mask, outpaint } }: Case): Promise<RgbImage> {
  if (outpaint) {
    const { width, height } = seed;
    const added = { top: outpaint.top, bottom: outpaint.bottom, left: outpaint.left, right: outpaint.right };
    const { data, info } = await sharp(seed.pixels, { raw: { width, height, channels: 3 } })
      .extend({ ...added, background: "#d33" })
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, pixels: data };
  }
  const pixels = seed.pixels.map((value, i) => {
    const share = (0.7 * mask!.pixels[Math.floor(i / 3)]!) / 255;
    return Math.round(value + share * ([221, 51, 51][i % 3]! - value));
  });
  return { ...seed, pixels };
}
