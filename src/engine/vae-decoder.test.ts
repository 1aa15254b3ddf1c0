import { expect, test, vi } from "vitest";
import { openCheckpoint } from "./checkpoint/checkpoint.ts";
import { vaeConfig } from "./checkpoint/config.ts";
import { openVaeDecoder, positionsAtOnce } from "./vae-decoder.ts";

/** Names of the graphs whose sessions are open. */
const open = vi.hoisted(() => new Set<string>());
vi.mock("../onnx/session.ts", async (original) => {
  const real = await original<typeof import("../onnx/session.ts")>();
  const createSession: typeof real.createSession = async (graph, options) => {
    const session = await real.createSession(graph, options);
    open.add(graph.name);
    return { run: session.run, release: () => session.release().then(() => void open.delete(graph.name)) };
  };
  return { ...real, createSession };
});

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

test("an image in tiles leaves no session, whose memory would stay; one in one piece does", async () => {
  const { config, weights } = (await openCheckpoint("test/fixtures/odd/checkpoint")).vae;
  const decoder = await openVaeDecoder(config, weights, { threads: 1 }, 1200);
  const latents = (side: number) => ({
    data: new Float32Array(config.z_dim * side * side),
    dims: [1, config.z_dim, side, side],
  });
  await decoder.decode(latents(60));
  expect([...open]).toEqual([]);
  await decoder.decode(latents(60));
  await decoder.decode(latents(16));
  expect([...open]).toEqual(["VAE decoder"]);
  await decoder.dispose();
  expect([...open]).toEqual([]);
});
