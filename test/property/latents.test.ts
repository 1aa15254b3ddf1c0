import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pack, unpack } from "../../src/engine/latents.ts";

/** A grid of latents with distinct values, so that any misplaced one shows. */
const planes = fc
  .record({
    channels: fc.integer({ min: 1, max: 20 }),
    rows: fc.integer({ min: 1, max: 9 }),
    columns: fc.integer({ min: 1, max: 9 }),
  })
  .map(({ channels, rows, columns }) => {
    const [height, width] = [2 * rows, 2 * columns];
    return { channels, height, width, data: Float32Array.from({ length: channels * height * width }, (_, i) => i + 1) };
  });

describe("packing latents", () => {
  it("is inverted by unpacking", () => {
    fc.assert(
      fc.property(planes, ({ data, channels, height, width }) => {
        expect(unpack(pack(data, channels, height, width), channels, height, width)).toEqual(data);
        expect(pack(unpack(data, channels, height, width), channels, height, width)).toEqual(data);
      }),
    );
  });

  it("puts channel c at (y, x) into token (y/2, x/2), feature 4c + 2(y mod 2) + x mod 2", () => {
    fc.assert(
      fc.property(planes, fc.nat(), ({ data, channels, height, width }, pick) => {
        const i = pick % data.length;
        const [c, y, x] = [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width];
        const token = Math.floor(y / 2) * (width / 2) + Math.floor(x / 2);
        const feature = 4 * c + 2 * (y % 2) + (x % 2);
        expect(pack(data, channels, height, width)[token * channels * 4 + feature]).toBe(data[i]);
      }),
    );
  });
});
