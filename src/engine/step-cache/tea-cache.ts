import { type AnyTensor, free } from "../../onnx/index.ts";
import type { Arithmetic } from "../arithmetic/arithmetic.ts";
import { freeStreams, type Pass, type Streams, type TransformerChain } from "../transformer-chain.ts";
import type { CacheLimits } from "./params.ts";
import { difference, type StepCache, skipLimits, sum } from "./step-cache.ts";

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
  arithmetic: Arithmetic,
  params: CacheLimits & { readonly threshold: number; readonly coefficients?: readonly number[] },
): StepCache {
  const { threshold, coefficients = QWEN_IMAGE } = params;
  const limits = skipLimits(params);
  let seen: AnyTensor | undefined; // the modulated input of the previous step
  let added: AnyTensor | undefined; // residual of all blocks in the last full step
  let estimate = 0;

  return {
    async velocity(pass, place) {
      const start = await chain.begin(pass, 0);
      const input = await modulatedInput(arithmetic, pass, start.image);
      if (seen) {
        estimate += Math.abs(polynomial(coefficients, await arithmetic.relativeChange(input, seen)));
        free(seen);
      }
      seen = input;
      const skipped = added !== undefined && !place.last && limits.allows(place) && estimate < threshold;
      limits.record(skipped, place);
      let after: Streams;
      if (skipped) after = { image: await sum(arithmetic, start.image, added!) };
      else {
        estimate = 0;
        after = await chain.between(pass, start, 0, chain.blocks);
        if (added) free(added);
        added = await difference(arithmetic, after.image, start.image);
      }
      freeStreams(start);
      const velocity = await chain.finish(pass, after, chain.blocks);
      freeStreams(after);
      return { velocity, skipped };
    },
    clear() {
      for (const tensor of [seen, added]) if (tensor) free(tensor);
    },
  };
}

/**
 * The image as the first block's attention sees it: `LayerNorm(image) · scale + shift`, [1, L, dim]. Tokens that are modulated as free
 * of noise never change, so they are excluded.
 */
function modulatedInput(
  { modulatedNorm }: Arithmetic,
  { modulation, clean }: Pass,
  image: AnyTensor,
): Promise<AnyTensor> {
  const [tokens, dim] = image.dims.slice(1) as [number, number];
  // The first two vectors of the time graph: shift and scale (which includes the 1).
  const [shift, scale] = [modulation.subarray(0, dim), modulation.subarray(dim, 2 * dim)];
  return modulatedNorm(image, scale, shift, clean?.from ?? tokens);
}

/** @param coefficients highest power first */
function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduce((value, coefficient) => value * x + coefficient, 0);
}
