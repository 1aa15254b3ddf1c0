import { expect, test } from "vitest";
import { vaeConfig } from "./checkpoint/config.ts";
import { positionsAtOnce } from "./vae-decoder.ts";

const config = vaeConfig.parse({
  base_dim: 96,
  dim_mult: [1, 2, 4, 4],
  num_res_blocks: 2,
  z_dim: 16,
  temperal_downsample: [false, true, true],
  attn_scales: [],
  latents_mean: Array(16).fill(0),
  latents_std: Array(16).fill(1),
});

test.each([
  ["a device that does not say", undefined, 128 * 128],
  ["24 GB left", 24e9, 128 * 128],
  ["1 GB left", 1e9, 8138],
  ["hardly any left: tiles of three times their reach", 1e6, 39 * 39],
])("with %s, this many latent positions are decoded at the same time", (_, bytes, positions) => {
  expect(positionsAtOnce(config, bytes)).toBe(positions);
});
