import type { RgbImage } from "../pictures/index.ts";

/**
 * Planes in -1…1 → 8-bit RGB. Halves round to even, as in numpy's `round`, which the reference uses.
 * @param planes [3, height, width]
 */
export function toRgb(planes: Float32Array, width: number, height: number): RgbImage {
  const area = width * height;
  const pixels = new Uint8Array(3 * area);
  for (let i = 0; i < area; i++) {
    for (let c = 0; c < 3; c++) pixels[3 * i + c] = toByte(planes[c * area + i]!);
  }
  return { width, height, pixels };
}

function toByte(value: number): number {
  const unit = Math.fround(Math.fround(value * 0.5) + 0.5);
  const scaled = Math.fround(Math.min(1, Math.max(0, unit)) * 255);
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/** 8-bit RGB → planes in -1…1, [3, height, width]. */
export function fromRgb({ pixels, width, height }: RgbImage): Float32Array {
  const area = width * height;
  const planes = new Float32Array(3 * area);
  for (let i = 0; i < area; i++) {
    for (let c = 0; c < 3; c++) planes[c * area + i] = Math.fround(2 * Math.fround(pixels[3 * i + c]! / 255) - 1);
  }
  return planes;
}
