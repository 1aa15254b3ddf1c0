import type { GrayImage, RgbImage } from "../picture.ts";
import { type Gradient, sobel } from "./sobel.ts";

/** tan 22.5° in 15 binary places. */
const TAN_22 = 13573;

/**
 * White edges, one pixel wide, on black. Gradients above `high` are edges, those above `low` are when they touch one.
 *
 * Source: Canny, "A Computational Approach to Edge Detection" (1986); the same pixels as `cv2.Canny(picture, low, high)`.
 *
 * @param low, high 0…255 by custom, though the gradient |dx| + |dy| of the 3×3 Sobel operator reaches 2040
 */
export function canny(picture: RgbImage, low: number, high: number): GrayImage {
  const { width, height } = picture;
  const gradient = sobel(picture);
  const ridges = ridgesOf(gradient, width, height, Math.floor(low));
  const pixels = new Uint8Array(width * height);
  const open: number[] = [];
  const mark = (i: number) => {
    pixels[i] = 255;
    open.push(i);
  };
  for (let i = 0; i < ridges.length; i++) if (ridges[i] && gradient.size[i]! > Math.floor(high)) mark(i);
  for (let i = open.pop(); i !== undefined; i = open.pop()) {
    const [x, y] = [i % width, Math.floor(i / width)];
    for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
      for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
        const neighbour = row * width + column;
        if (ridges[neighbour] && pixels[neighbour] === 0) mark(neighbour);
      }
    }
  }
  return { width, height, pixels };
}

/** Pixels whose gradient is above `low` and the largest across the edge, in one of four directions. */
function ridgesOf({ dx, dy, size }: Gradient, width: number, height: number, low: number): Uint8Array {
  const ridges = new Uint8Array(size.length);
  const at = (x: number, y: number) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : size[y * width + x]!);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      const m = size[i]!;
      if (m <= low) continue;
      const [across, down] = [Math.abs(dx[i]!), Math.abs(dy[i]!) * 2 ** 15];
      const flat = across * TAN_22;
      const steep = flat + across * 2 ** 16; // tan 67.5° = tan 22.5° + 2
      if (down < flat) ridges[i] = Number(m > at(x - 1, y) && m >= at(x + 1, y));
      else if (down > steep) ridges[i] = Number(m > at(x, y - 1) && m >= at(x, y + 1));
      else {
        const slant = dx[i]! < 0 !== dy[i]! < 0 ? -1 : 1;
        ridges[i] = Number(m > at(x - slant, y - 1) && m > at(x + slant, y + 1));
      }
    }
  }
  return ridges;
}
