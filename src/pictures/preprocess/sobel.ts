import type { RgbImage } from "../picture.ts";

/** Derivatives of the channel that changes most at each pixel; [height, width] each. */
export interface Gradient {
  readonly dx: Int16Array;
  readonly dy: Int16Array;
  /** |dx| + |dy| */
  readonly size: Int32Array;
}

/** The 3×3 Sobel operator; the border's pixels go on beyond it. */
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
