import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeTiled, rampWeight, tileStarts } from "../../src/engine/vae-tiles.ts";
import type { HostTensor } from "../../src/onnx/session.ts";

const axis = fc
  .record({
    tile: fc.integer({ min: 2, max: 80 }),
    overlap: fc.integer({ min: 1, max: 40 }),
    length: fc.integer({ min: 1, max: 1000 }),
  })
  .filter(({ tile, overlap }) => overlap < tile);

describe("tiles along an axis", () => {
  it("start at 0, end flush, and share at least the overlap", () => {
    fc.assert(
      fc.property(axis, ({ length, tile, overlap }) => {
        const starts = tileStarts(length, tile, overlap);
        expect(starts[0]).toBe(0);
        if (length <= tile) {
          expect(starts).toEqual([0]);
          return;
        }
        expect(starts.at(-1)).toBe(length - tile);
        for (let i = 1; i < starts.length; i++) {
          expect(starts[i]).toBeGreaterThan(starts[i - 1]!);
          expect(starts[i - 1]! + tile - starts[i]!).toBeGreaterThanOrEqual(overlap);
        }
      }),
    );
  });

  it("weigh every position of a tile above 0 and at most 1, the same from both ends", () => {
    fc.assert(
      fc.property(axis, fc.nat(), ({ tile, overlap }, pick) => {
        const i = pick % tile;
        const weight = rampWeight(i, tile, overlap);
        expect(weight).toBeGreaterThan(0);
        expect(weight).toBeLessThanOrEqual(1);
        expect(rampWeight(tile - 1 - i, tile, overlap)).toBeCloseTo(weight, 12);
      }),
    );
  });
});

describe("tiled decoding", () => {
  const FACTOR = 2;

  /** A decoder without neighbourhood: three of the channels, every position repeated. Tiling must not show at all. */
  async function repeat({ data, dims }: HostTensor): Promise<Float32Array> {
    const [, , height, width] = dims as [number, number, number, number];
    const out = new Float32Array(3 * FACTOR * height * FACTOR * width);
    for (let i = 0; i < out.length; i++) {
      const x = Math.floor((i % (FACTOR * width)) / FACTOR);
      const y = Math.floor((Math.floor(i / (FACTOR * width)) % (FACTOR * height)) / FACTOR);
      const c = Math.floor(i / (FACTOR * FACTOR * height * width));
      out[i] = data[(c * height + y) * width + x]!;
    }
    return out;
  }

  it("equals decoding in one piece for a decoder that looks at one position", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 150 }), fc.integer({ min: 1, max: 150 }), async (height, width) => {
        const channels = 4;
        const data = Float32Array.from({ length: channels * height * width }, (_, i) => Math.sin(i));
        const tiled = await decodeTiled(data, [channels, height, width], FACTOR, repeat);
        const whole = await repeat({ data, dims: [1, channels, height, width] });
        expect(tiled.length).toBe(whole.length);
        let worst = 0;
        for (let i = 0; i < whole.length; i++) worst = Math.max(worst, Math.abs(tiled[i]! - whole[i]!));
        expect(worst).toBeLessThan(1e-6);
      }),
      { numRuns: 25 },
    );
  });
});
