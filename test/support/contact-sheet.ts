import { writeFile } from "node:fs/promises";
import sharp from "sharp";
import type { RgbImage } from "../../src/pictures/index.ts";

const GAP = 8;

/** One or more pictures under a title. */
export interface Tile {
  readonly title: string;
  readonly pictures: readonly RgbImage[];
  /** Font size of the title, pixels. */
  readonly fontSize?: number;
}

/**
 * Lays tiles out in rows and writes them as a picture (PNG or WebP, by the name).
 * @param side what every picture has room for, pixels; larger ones are shrunk into it
 */
export async function writeContactSheet(file: string, tiles: readonly Tile[], columns: number, side: number) {
  sharp.unblock({ operation: ["VipsForeignLoadSvg"] }); // (which src/images blocks)
  const perTile = Math.max(...tiles.map(({ pictures }) => pictures.length));
  const label = 20;
  const cell = { width: perTile * (side + GAP), height: side + label + GAP };
  const parts = tiles.map(async ({ title, pictures, fontSize = 13 }, i) => {
    const [left, top] = [(i % columns) * cell.width, Math.floor(i / columns) * cell.height];
    const text = `<svg width="${cell.width}" height="${label}"><text x="2" y="15" font-family="sans-serif" font-size="${fontSize}">${title}</text></svg>`;
    const images = pictures.map(async ({ width, height, pixels }, k) => ({
      input: await sharp(pixels, { raw: { width, height, channels: 3 } })
        .resize(side, side, { fit: "inside", withoutEnlargement: true })
        .png()
        .toBuffer(),
      left: left + k * (side + GAP),
      top: top + label,
    }));
    return [{ input: Buffer.from(text), left, top }, ...(await Promise.all(images))];
  });
  const paper = { width: columns * cell.width, height: Math.ceil(tiles.length / columns) * cell.height };
  const sheet = sharp({ create: { ...paper, channels: 3, background: "white" } }).composite(
    (await Promise.all(parts)).flat(),
  );
  await writeFile(file, await (file.endsWith(".png") ? sheet.png() : sheet.webp({ quality: 85 })).toBuffer());
}
