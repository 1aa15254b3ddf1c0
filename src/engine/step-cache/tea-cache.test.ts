import { expect, test } from "vitest";
import type { HostTensor } from "../../onnx/index.ts";
import { onHost } from "../arithmetic/on-host.ts";
import type { Pass, TransformerChain } from "../transformer-chain.ts";
import { teaCache } from "./tea-cache.ts";

/** A chain of one token of two features, whose blocks add 1; the latents are the image. */
const chain = {
  blocks: 3,
  begin: async ({ latents }: Pass) => ({ image: latents }),
  between: async (_: Pass, { image }: { image: HostTensor }) => ({
    image: { ...image, data: image.data.map((x) => x + 1) },
  }),
  finish: async (_: Pass, { image }: { image: HostTensor }) => image,
} as unknown as TransformerChain;

/** Whether each of these images in turn is skipped, but for the last step, which comes after them. */
async function skips(
  images: readonly [number, number][],
  modulation: readonly number[],
  coefficients: readonly number[],
) {
  const cache = teaCache(chain, onHost, { threshold: 0.5, coefficients });
  const skipped: boolean[] = [];
  for (const [step, image] of images.entries()) {
    const latents = { data: Float32Array.from(image), dims: [1, 1, 2] };
    const pass = { latents, modulation: Float32Array.from(modulation) } as unknown as Pass;
    const result = await cache.velocity(pass, { step, last: false });
    expect([...(result.velocity as HostTensor).data]).toEqual(image.map((x) => x + 1));
    skipped.push(result.skipped);
  }
  return skipped;
}

const PLAIN = [0, 0, 1, 1]; // shift 0, scale 1
const flip = [
  [1, 2],
  [2, 1],
  [1, 2],
] satisfies [number, number][]; // normed: (-1, 1), (1, -1), (-1, 1)

test("a change above the threshold is computed; the norm removes size and position", async () => {
  expect(await skips(flip, PLAIN, [1, 0])).toEqual([false, false, false]);
  expect(
    await skips(
      [
        [1, 2],
        [1, 2],
        [10, 30],
      ],
      PLAIN,
      [1, 0],
    ),
  ).toEqual([false, true, true]);
});

test("a negative estimate counts by its absolute value", async () => {
  expect(await skips(flip, PLAIN, [-1, 0])).toEqual([false, false, false]);
});

test("estimates add up until a step is computed", async () => {
  // Every flip is estimated at 2 · 0.2 = 0.4: the second one makes 0.8.
  expect(await skips([...flip, [2, 1], [1, 2]], PLAIN, [0.2, 0])).toEqual([false, true, false, true, false]);
});

test("the image tokens are scaled, then shifted", async () => {
  expect(await skips(flip, [5, 5, 0, 0], [1, 0])).toEqual([false, true, true]);
});
