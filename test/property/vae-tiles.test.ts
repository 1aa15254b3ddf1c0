import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openCheckpoint } from "../../src/engine/checkpoint/checkpoint.ts";
import { decoderReach } from "../../src/engine/vae.ts";
import { inTiles, openVaeDecoder, planTiles, type VaeDecoder } from "../../src/engine/vae-decoder.ts";
import type { HostTensor } from "../../src/onnx/index.ts";
import { expectIdentical } from "../golden/compare.ts";
import { checkpointPath, ONE_THREAD } from "../golden/fixture.ts";

const grid = fc.record({
  height: fc.integer({ min: 1, max: 300 }),
  width: fc.integer({ min: 1, max: 300 }),
  reach: fc.integer({ min: 1, max: 20 }),
  most: fc.integer({ min: 1, max: 20_000 }),
});

describe("tiles", () => {
  it("cover every position once, and extend over all available surroundings", () => {
    fc.assert(
      fc.property(grid, ({ height, width, reach, most }) => {
        const covered = new Uint8Array(height * width);
        for (const { rows, columns } of planTiles(height, width, reach, most)) {
          for (let y = rows.from; y < rows.to; y++) {
            for (let x = columns.from; x < columns.to; x++) covered[y * width + x]!++;
          }
          expect([rows.start, rows.end]).toEqual([Math.max(0, rows.from - reach), Math.min(height, rows.to + reach)]);
          expect(columns.start).toBe(Math.max(0, columns.from - reach));
          expect(columns.end).toBe(Math.min(width, columns.to + reach));
        }
        expect(covered.every((count) => count === 1)).toBe(true);
      }),
    );
  });

  it("stay within their limit if the surroundings leave room, and are one if everything fits", () => {
    fc.assert(
      fc.property(grid, ({ height, width, reach, most }) => {
        const tiles = planTiles(height, width, reach, most);
        if (height * width <= most) expect(tiles).toHaveLength(1);
        if (most < (3 * reach + 1) ** 2) return;
        for (const { rows, columns } of tiles) {
          expect((rows.end - rows.start) * (columns.end - columns.start)).toBeLessThanOrEqual(most);
        }
      }),
    );
  });

  it("of a 2048×2048 image are few", () => {
    expect(planTiles(256, 256, 13, 128 * 128)).toHaveLength(6);
    expect(planTiles(128, 128, 13, 128 * 128)).toHaveLength(1);
  });
});

describe("decoding in tiles", () => {
  let whole: VaeDecoder;
  let tiled: VaeDecoder;
  beforeAll(async () => {
    const { config, weights } = (await openCheckpoint(checkpointPath("odd"))).vae;
    whole = await openVaeDecoder(config, weights, ONE_THREAD);
    tiled = await openVaeDecoder(config, weights, ONE_THREAD, 1200);
  });
  afterAll(() => Promise.all([whole?.dispose(), tiled?.dispose()]));

  it.each([
    [80, 12],
    [9, 140],
    [61, 53],
  ])("equals decoding in one piece bit for bit, %d × %d", async (height, width) => {
    const data = Float32Array.from(
      { length: 2 * 16 * height * width },
      (_, i) => 2 * Math.sin(i * 1.7) + Math.cos(i / 90),
    );
    const latents: HostTensor = { data, dims: [2, 16, height, width] };
    expectIdentical("picture", await tiled.decode(latents), await whole.decode(latents));
  });

  it("needs all of the surroundings within the network's reach, and no more", async () => {
    const { config } = (await openCheckpoint(checkpointPath("odd"))).vae;
    const reach = decoderReach(config);
    // Stands for the network: every position becomes the sum of those within reach of it.
    const sums = async ({ data, dims }: HostTensor) => {
      const [, , height, width] = dims as [number, number, number, number];
      return Float32Array.from({ length: 3 * height * width }, (_, i) => {
        const at = i % (height * width);
        const y = Math.floor(at / width);
        let sum = 0;
        for (let row = Math.max(0, y - reach); row <= Math.min(height - 1, y + reach); row++)
          sum += data[row * width + (at % width)]!;
        return sum;
      });
    };
    const features = { data: Float32Array.from({ length: 90 * 3 }, (_, i) => (i * 37) % 101), dims: [1, 1, 90, 3] };
    const expected = await sums(features);
    const most = (2 * reach + 10) * 3;
    expect(await inTiles(features, { reach, factor: 1, most }, sums)).toEqual(expected);
    expect(await inTiles(features, { reach: reach - 1, factor: 1, most }, sums)).not.toEqual(expected);
  });
});

/** Of Qwen-Image's VAE: three levels up, three resnets each. */
it("the up blocks of Qwen-Image reach 13 positions far", () => {
  expect(decoderReach({ dim_mult: [1, 2, 4, 4], num_res_blocks: 2 } as never)).toBe(13);
});
