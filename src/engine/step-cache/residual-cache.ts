import type { HostTensor } from "../../onnx/index.ts";
import type { HostStreams, TransformerChain } from "../transformer-chain.ts";
import type { CacheLimits } from "./params.ts";
import { difference, relativeChange, type StepCache, skipLimits, sum } from "./step-cache.ts";

export interface ResidualCacheParams extends CacheLimits {
  readonly threshold: number;
  readonly firstBlocks: number;
  readonly lastBlocks: number;
  readonly refreshInterval?: number;
  readonly taylorOrder?: number;
}

/**
 * Runs the first blocks. If their residual has hardly changed since the last full step, the residual of the middle blocks from that step
 * replaces them. The last blocks always run.
 *
 * Source: First Block Cache (`FirstBlockCacheConfig` in diffusers: one first block, no last ones) and DBCache of Cache-DiT;
 * model spec 10.1 and 10.3. Residuals of ControlNets count as part of the blocks before them.
 */
export function residualCache(chain: TransformerChain, params: ResidualCacheParams): StepCache {
  const { threshold, firstBlocks, refreshInterval = Number.POSITIVE_INFINITY, taylorOrder = 0 } = params;
  const { maxConsecutive = Number.POSITIVE_INFINITY } = params;
  const middleEnd = chain.blocks - params.lastBlocks;
  const limits = skipLimits({ ...params, maxConsecutive: Math.min(maxConsecutive, refreshInterval - 1) });
  const middle = { image: taylorSeries(taylorOrder), text: taylorSeries(taylorOrder) };
  let known: Float32Array | undefined; // residual of the first blocks in the last full step
  let now = 0;

  /** The residual of the middle blocks, repeated or extrapolated. */
  const recall = ({ image, text }: HostStreams): HostStreams => ({
    image: withData(image, sum(image.data, middle.image.predict(now))),
    text: params.lastBlocks > 0 ? withData(text!, sum(text!.data, middle.text.predict(now))) : undefined,
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

/** Extrapolates a value from the steps where it is known to later steps. */
export interface TaylorSeries {
  record(step: number, value: Float32Array): void;
  predict(step: number): Float32Array;
}

/**
 * Finite differences approximate derivatives: `D₀ = Y, D_{k+1} = (D_k - D_k of the last known step) / distance`, and
 * `Y(s) ≈ Σ D_k (s - s_last)^k / k!`. Order 0 repeats the last value.
 * Source: Liu et al., "From Reusing to Forecasting: Accelerating Diffusion Models with TaylorSeers" (2025); model spec 10.4.
 */
export function taylorSeries(order: number): TaylorSeries {
  let last = 0;
  let derivatives: Float32Array[] = [];
  return {
    record(step, value) {
      const next = [value];
      for (let k = 0; k < order && k < derivatives.length; k++) {
        next.push(difference(next[k]!, derivatives[k]!).map((x) => x / (step - last)));
      }
      derivatives = next;
      last = step;
    },
    predict(step) {
      const [value, ...rest] = derivatives as [Float32Array, ...Float32Array[]];
      if (rest.length === 0) return value;
      const predicted = value.slice();
      let factor = 1;
      rest.forEach((derivative, k) => {
        factor *= (step - last) / (k + 1);
        for (let i = 0; i < predicted.length; i++) predicted[i]! += factor * derivative[i]!;
      });
      return predicted;
    },
  };
}
