import type { Price } from "./card.ts";

/**
 * What one picture costs in US dollars, rounded to 4 decimals; a task costs this times `numberResults`.
 * @param picture size asked for in pixels, and denoising steps
 */
export function costPerPicture(price: Price, picture: { width: number; height: number; steps: number }): number {
  const megapixels = (picture.width * picture.height) / 1e6;
  const perStep = price.perMegapixel * megapixels + price.perSquareMegapixel * megapixels ** 2;
  const units = Math.round(price.base + picture.steps * perStep);
  return Math.round(price.unit * units * 1e4) / 1e4;
}
