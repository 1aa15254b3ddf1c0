import { z } from "zod";

/**
 * US dollars for a picture: `unit · round(base + steps · (perMegapixel · MP + perSquareMegapixel · MP²))`, rounded to 4 decimals,
 * MP = width · height / 10⁶. The defaults reproduce the four prices on the API page; other sizes are read off the same curve.
 */
export const price = z.strictObject({
  unit: z.number().min(0).default(0.00064),
  base: z.number().min(0).default(0.3),
  perMegapixel: z.number().min(0).default(0.332),
  perSquareMegapixel: z.number().min(0).default(0.052),
});
export type Price = z.output<typeof price>;

/**
 * What one picture costs in US dollars, rounded to 4 decimals; a task costs this times `numberResults`.
 * @param picture size asked for in pixels, and denoising steps; an edit of no given size counts as 1024×1024
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
