/**
 * Draws over a picture through masks of several shapes and extends it on each side: `npm run sheet:masks -- MODEL OUT.webp`.
 * Each case shows what is given, the mask in red over it, and beside it the result.
 */

import { writeFile } from "node:fs/promises";
import sharp, { type OverlayOptions } from "sharp";
import { draw } from "../../src/drawing/index.ts";
import { Pipeline, type RgbImage } from "../../src/engine/index.ts";
import { CASES, type Case, SIDE } from "./cases.ts";

const GAP = 8;
const LABEL = 20;
const COLUMNS = 3;
const CELL = { width: 2 * SIDE + 2 * GAP, height: SIDE + LABEL };

const [model, out] = process.argv.slice(2);
if (!model || !out) throw new Error("usage: npm run sheet:masks -- MODEL OUT.webp");

const pipeline = await Pipeline.load(model);
const size = { width: SIDE, height: SIDE };
const sign = 'A wooden sign that says "TEA" in white letters on a teal background';
const [seed] = await pipeline.generate({ prompt: sign, ...size, steps: 20, seed: 3n });
const tiles: OverlayOptions[] = [];
for (const [i, example] of CASES.entries()) {
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
  const [left, top] = [(i % COLUMNS) * CELL.width, Math.floor(i / COLUMNS) * CELL.height];
  tiles.push({ input: label(title), left, top }, { input: await given(seed!, example), left, top: top + LABEL });
  tiles.push({ input: await png(result!), left: left + SIDE + GAP, top: top + LABEL });
  console.error(title);
}
await pipeline.dispose();

const rows = Math.ceil(CASES.length / COLUMNS);
const paper = { width: COLUMNS * CELL.width, height: rows * CELL.height, channels: 3 as const, background: "white" };
const sheet = sharp({ create: paper }).composite(tiles);
await writeFile(out, await (out.endsWith(".png") ? sheet.png() : sheet.webp({ quality: 88 })).toBuffer());

/** The seed image with the mask in red, or small in its place among what is to be added. */
async function given(seed: RgbImage, { drawing: { mask, outpaint } }: Case): Promise<Buffer> {
  if (outpaint) {
    const inside = { input: await png(seed), left: outpaint.left, top: outpaint.top };
    const [width, height] = [SIDE + outpaint.left + outpaint.right, SIDE + outpaint.top + outpaint.bottom];
    const canvas = sharp({ create: { width, height, channels: 3, background: "#d33" } }).composite([inside]);
    return sharp(await canvas.png().toBuffer())
      .resize(SIDE, SIDE, { fit: "inside" })
      .png()
      .toBuffer();
  }
  const pixels = seed.pixels.map((value, i) => {
    const share = (0.7 * mask!.pixels[Math.floor(i / 3)]!) / 255;
    return Math.round(value + share * ([221, 51, 51][i % 3]! - value));
  });
  return png({ ...seed, pixels });
}

/** As a file; results larger than the seed image are shrunk into its place. */
async function png({ width, height, pixels }: RgbImage): Promise<Buffer> {
  const image = sharp(pixels, { raw: { width, height, channels: 3 } });
  return image.resize(SIDE, SIDE, { fit: "inside", withoutEnlargement: true }).png().toBuffer();
}

function label(text: string): Buffer {
  const { width } = CELL;
  return Buffer.from(
    `<svg width="${width}" height="${LABEL}"><text x="2" y="15" font-family="sans-serif" font-size="13">${text}</text></svg>`,
  );
}
