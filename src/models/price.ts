import { z } from "zod";

/**
 * Price of an image in US dollars: `unit · round(base + steps · (perMegapixel · MP + perSquareMegapixel · MP²))`, rounded to 4 decimals,
 * MP = width · height / 10⁶. The defaults reproduce the four prices on the API page; other sizes follow the same curve.
 */
export const price = z.strictObject({
  unit: z.number().min(0).default(0.00064),
  base: z.number().min(0).default(0.3),
  perMegapixel: z.number().min(0).default(0.332),
  perSquareMegapixel: z.number().min(0).default(0.052),
});
export type Price = z.output<typeof price>;

/**
 * Price of one image in US dollars, rounded to 4 decimals. A task costs this times `numberResults`.
 * @param picture requested size in pixels, and number of steps; an edit without a size counts as 1024×1024
 */
export function costPerPicture(
  price: Price,
  { width = 1024, height = 1024, steps }: { width?: number; height?: number; steps: number },
): number {
  const megapixels = (width * height) / 1e6;
  const perStep = price.perMegapixel * megapixels + price.perSquareMegapixel * megapixels ** 2;
  const units = Math.round(price.base + steps * perStep);
  return Math.round(price.unit * units * 1e4) / 1e4;
}
