/** The model generates whole cells of 16×16 pixels. Sizes in between are generated a little larger, then cut. */

import type { Size } from "../models/index.ts";
import { crop, type GrayImage, type Rectangle, type RgbImage } from "../pictures/index.ts";

/** Side of a cell, in pixels. */
const CELL = 16;

const upToCell = (side: number): number => Math.ceil(side / CELL) * CELL;

/** The next size in whole cells: up to 15 pixels more on the right and at the bottom. */
export const inWholeCells = ({ width, height }: Size): Size => ({ width: upToCell(width), height: upToCell(height) });

/** The same aspect ratio with another longer side, rounded to the nearest cell. Without `longer`, the size itself. */
export function atSide(size: Size, longer: number | undefined): Size {
  if (longer === undefined) return size;
  const scale = longer / Math.max(size.width, size.height);
  const scaled = (side: number) => Math.max(CELL, Math.round((side * scale) / CELL) * CELL);
  return { width: scaled(size.width), height: scaled(size.height) };
}

/** Cuts out a rectangle. Where it reaches outside, on the right or at the bottom, the last pixels of the image are repeated. */
export function cutOut<Picture extends RgbImage | GrayImage>(picture: Picture, area: Rectangle): Picture {
  const [width, height] = [area.left + area.width, area.top + area.height];
  if (width <= picture.width && height <= picture.height) return crop(picture, area);
  const channels = picture.pixels.length / (picture.width * picture.height);
  const pixels = new Uint8Array(area.width * area.height * channels);
  for (let y = 0; y < area.height; y++) {
    const row = Math.min(area.top + y, picture.height - 1) * picture.width;
    for (let x = 0; x < area.width; x++) {
      const from = (row + Math.min(area.left + x, picture.width - 1)) * channels;
      for (let c = 0; c < channels; c++) pixels[(y * area.width + x) * channels + c] = picture.pixels[from + c]!;
    }
  }
  return { ...picture, width: area.width, height: area.height, pixels };
}

/** Cuts off what lies outside the image. */
export function withinPicture(drawn: RgbImage, { width, height }: Size): RgbImage {
  const area = { left: 0, top: 0, width: Math.min(drawn.width, width), height: Math.min(drawn.height, height) };
  return area.width === drawn.width && area.height === drawn.height ? drawn : crop(drawn, area);
}
