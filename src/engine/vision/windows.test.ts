import { describe, expect, it } from "vitest";
import { padWindows, windowOrder } from "./windows.ts";

// Vectors printed by transformers' `get_window_index`.
describe("windowOrder", () => {
  const boundaries = (rows: number, columns: number) => {
    let sum = 0;
    return windowOrder(rows, columns, 4).sizes.map((size) => {
      sum += 4 * size;
      return sum;
    });
  };

  it("lists the cells of one tile after the other", () => {
    const { cells, sizes } = windowOrder(4, 6, 4);
    expect([...cells]).toEqual([0, 1, 2, 3, 6, 7, 8, 9, 12, 13, 14, 15, 18, 19, 20, 21, 4, 5, 10, 11, 16, 17, 22, 23]);
    expect(sizes).toEqual([16, 8]);
  });

  it("has smaller tiles at the right and bottom edges, and no empty ones", () => {
    expect(boundaries(9, 13)).toEqual([64, 128, 192, 208, 272, 336, 400, 416, 432, 448, 464, 468]);
    expect(boundaries(10, 18).slice(0, 5)).toEqual([64, 128, 192, 256, 288]);
    expect(boundaries(4, 4)).toEqual([64]);
  });
});

describe("padWindows", () => {
  const { rows, places, bias, windows, length } = padWindows([3, 1]);

  it("gives every row a place and fills the rest with the first row", () => {
    expect([windows, length]).toEqual([2, 3]);
    expect([...rows]).toEqual([0n, 1n, 2n, 3n, 0n, 0n]);
    expect([...places]).toEqual([0n, 1n, 2n, 3n]);
  });

  it("masks the padding from every query", () => {
    const hidden = [...bias].map((value) => value < -1e20);
    const [f, t] = [false, true];
    expect(hidden).toEqual([f, f, f, f, f, f, f, f, f, f, t, t, f, t, t, f, t, t]);
  });
});
