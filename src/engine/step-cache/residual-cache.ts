import type { HostTensor } from "../../onnx/index.ts";
import type { HostStreams, TransformerChain } from "../transformer-chain.ts";
import type { StepCache } from "./cache.ts";
import { difference, relativeChange, sum } from "./change.ts";
import { skipLimits } from "./limits.ts";
import type { CacheLimits } from "./params.ts";
import { taylorSeries } from "./taylor.ts";

export interface ResidualCacheParams extends CacheLimits {
  readonly threshold: number;
  readonly firstBlocks: number;
  readonly lastBlocks: number;
  readonly refreshInterval?: number;
  readonly taylorOrder?: number;
}

/**
 * Runs the first blocks. When what they add to the image has hardly changed since the last full step, the middle blocks are
 * replaced by what they added then; the last blocks always run.
 *
 * Source: First Block Cache (`FirstBlockCacheConfig` in diffusers: one first block, no last ones) and DBCache of Cache-DiT;
 * model spec 10.1 and 10.3. Residuals of ControlNets count as part of the blocks they follow.
 */
export function residualCache(chain: TransformerChain, params: ResidualCacheParams): StepCache {
  const { threshold, firstBlocks, refreshInterval = Number.POSITIVE_INFINITY, taylorOrder = 0 } = params;
  const { maxConsecutive = Number.POSITIVE_INFINITY } = params;
  const middleEnd = chain.blocks - params.lastBlocks;
  const limits = skipLimits({ ...params, maxConsecutive: Math.min(maxConsecutive, refreshInterval - 1) });
  const middle = { image: taylorSeries(taylorOrder), text: taylorSeries(taylorOrder) };
  let known: Float32Array | undefined; // what the first blocks added in the last full step
  let now = 0;

  /** The middle blocks' share as it was, or as it should be by now. */
  const recall = ({ image, text }: HostStreams): HostStreams => ({
    image: withData(image, sum(image.data, middle.image.predict(now))),
    ...(params.lastBlocks > 0 && { text: withData(text!, sum(text!.data, middle.text.predict(now))) }),
  });
  const remember = (before: HostStreams, after: HostStreams) => {
    middle.image.record(now, difference(after.image.data, before.image.data));
    if (params.lastBlocks > 0) middle.text.record(now, difference(after.text!.data, before.text!.data));
  };

  return {
    async velocity(pass, place) {
      now++;
      const start = await chain.begin(pass, 0);
      const first = await chain.between(pass, start, 0, firstBlocks);
      const added = difference(first.image.data, start.image.data);
      const skipped = known !== undefined && limits.allows(place) && relativeChange(added, known) <= threshold;
      limits.record(skipped, place);
      let after: HostStreams;
      if (skipped) after = recall(first);
      else {
        known = added;
        after = await chain.between(pass, first, firstBlocks, middleEnd);
        remember(first, after);
      }
      return { velocity: await chain.finish(pass, after, middleEnd), skipped };
    },
  };
}

function withData({ dims }: HostTensor, data: Float32Array): HostTensor {
  return { data, dims };
}
