import { EPS } from "../transformer-block.ts";
import type { HostStreams, Pass, TransformerChain } from "../transformer-chain.ts";
import type { CacheLimits } from "./params.ts";
import { difference, relativeChange, type StepCache, skipLimits, sum } from "./step-cache.ts";

/** The polynomial of ComfyUI-TeaCache and vLLM-Omni for Qwen-Image; model spec 10.2. */
const QWEN_IMAGE = [-450, 280, -45, 3.2, -0.02];

/**
 * Adds up the estimated change of the output. While the sum is below the threshold, the residual of the last full step replaces all blocks.
 * The first and the last step are always computed.
 *
 * Source: Liu et al., "Timestep Embedding Tells: It's Time to Cache for Video Diffusion Model" (2024); model spec 10.2.
 */
export function teaCache(
  chain: TransformerChain,
  params: CacheLimits & { readonly threshold: number; readonly coefficients?: readonly number[] },
): StepCache {
  const { threshold, coefficients = QWEN_IMAGE } = params;
  const limits = skipLimits(params);
  let seen: Float32Array | undefined; // the modulated input of the previous step
  let added: Float32Array | undefined; // residual of all blocks in the last full step
  let estimate = 0;

  return {
    async velocity(pass, place) {
      const start = await chain.begin(pass, 0);
      const input = modulatedInput(pass, start);
      if (seen) estimate += Math.abs(polynomial(coefficients, relativeChange(input, seen)));
      seen = input;
      const skipped = added !== undefined && !place.last && limits.allows(place) && estimate < threshold;
      limits.record(skipped, place);
      let after: HostStreams;
      if (skipped) after = { image: { data: sum(start.image.data, added!), dims: start.image.dims } };
      else {
        estimate = 0;
        after = await chain.between(pass, start, 0, chain.blocks);
        added = difference(after.image.data, start.image.data);
      }
      return { velocity: await chain.finish(pass, after, chain.blocks), skipped };
    },
  };
}

/**
 * The image as the first block's attention sees it: `LayerNorm(image) · scale + shift`, [L, dim]. Tokens that are modulated as free of
 * noise never change, so they are excluded.
 */
function modulatedInput({ modulation, clean }: Pass, { image }: HostStreams): Float32Array {
  const dim = image.dims.at(-1)!;
  const result = new Float32Array(clean ? clean.from * dim : image.data.length);
  for (let row = 0; row < result.length; row += dim) {
    let mean = 0;
    for (let i = 0; i < dim; i++) mean += image.data[row + i]! / dim;
    let variance = 0;
    for (let i = 0; i < dim; i++) variance += (image.data[row + i]! - mean) ** 2 / dim;
    const norm = 1 / Math.sqrt(variance + EPS);
    // The first two vectors of the time graph: shift and scale (which includes the 1).
    for (let i = 0; i < dim; i++) {
      result[row + i] = (image.data[row + i]! - mean) * norm * modulation[dim + i]! + modulation[i]!;
    }
  }
  return result;
}

/** @param coefficients highest power first */
function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduce((value, coefficient) => value * x + coefficient, 0);
}
