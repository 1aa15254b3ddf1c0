import type { GrayImage, RgbImage } from "../picture.ts";

/** tan 22.5° in 15 binary digits. */
const TAN_22 = 13573;

/**
 * White edges, one pixel wide, on black. A gradient above `high` is an edge; one above `low` is an edge if it touches another edge.
 *
 * Source: Canny, "A Computational Approach to Edge Detection" (1986); the same pixels as `cv2.Canny(picture, low, high)`.
 *
 * @param low, high usually 0…255, but the gradient |dx| + |dy| of the 3×3 Sobel operator reaches 2040
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

/** Pixels whose gradient exceeds `low` and is the largest across the edge, in one of four directions. */
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

/** Derivatives of the channel with the largest change at each pixel; [height, width] each. */
export interface Gradient {
  readonly dx: Int16Array;
  readonly dy: Int16Array;
  /** |dx| + |dy| */
  readonly size: Int32Array;
}

/** The 3×3 Sobel operator. Border pixels are repeated outside the image. */
export function sobel({ width, height, pixels }: RgbImage): Gradient {
  const area = width * height;
  const gradient = { dx: new Int16Array(area), dy: new Int16Array(area), size: new Int32Array(area).fill(-1) };
  for (let y = 0; y < height; y++) {
    const rows = [Math.max(0, y - 1), y, Math.min(height - 1, y + 1)].map((row) => row * width);
    for (let x = 0; x < width; x++) {
      const columns = [Math.max(0, x - 1), x, Math.min(width - 1, x + 1)];
      const i = y * width + x;
      for (let c = 0; c < 3; c++) {
        const at = (row: 0 | 1 | 2, column: 0 | 1 | 2) => pixels[(rows[row]! + columns[column]!) * 3 + c]!;
        const dx = at(0, 2) - at(0, 0) + 2 * (at(1, 2) - at(1, 0)) + at(2, 2) - at(2, 0);
        const dy = at(2, 0) - at(0, 0) + 2 * (at(2, 1) - at(0, 1)) + at(2, 2) - at(0, 2);
        const size = Math.abs(dx) + Math.abs(dy);
        if (size <= gradient.size[i]!) continue;
        gradient.dx[i] = dx;
        gradient.dy[i] = dy;
        gradient.size[i] = size;
      }
    }
  }
  return gradient;
}
