import { type AnyTensor, free } from "../../onnx/index.ts";
import type { Arithmetic } from "../arithmetic/arithmetic.ts";
import { freeStreams, type Streams, type TransformerChain } from "../transformer-chain.ts";
import type { CacheLimits } from "./params.ts";
import { difference, type StepCache, skipLimits, sum } from "./step-cache.ts";

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
export function residualCache(chain: TransformerChain, arithmetic: Arithmetic, params: ResidualCacheParams): StepCache {
  const { threshold, firstBlocks, refreshInterval = Number.POSITIVE_INFINITY, taylorOrder = 0 } = params;
  const { maxConsecutive = Number.POSITIVE_INFINITY } = params;
  const middleEnd = chain.blocks - params.lastBlocks;
  const limits = skipLimits({ ...params, maxConsecutive: Math.min(maxConsecutive, refreshInterval - 1) });
  const middle = { image: taylorSeries(arithmetic, taylorOrder), text: taylorSeries(arithmetic, taylorOrder) };
  let known: AnyTensor | undefined; // residual of the first blocks in the last full step
  let now = 0;

  /** Adds the residual of the middle blocks, repeated or extrapolated. */
  const recall = async ({ image, text }: Streams): Promise<Streams> => ({
    image: await middle.image.addPrediction(now, image),
    text: params.lastBlocks > 0 ? await middle.text.addPrediction(now, text!) : undefined,
  });
  const remember = async (before: Streams, after: Streams) => {
    await middle.image.record(now, await difference(arithmetic, after.image, before.image));
    if (params.lastBlocks > 0) await middle.text.record(now, await difference(arithmetic, after.text!, before.text!));
  };

  return {
    async velocity(pass, place) {
      now++;
      const start = await chain.begin(pass, 0);
      const first = await chain.between(pass, start, 0, firstBlocks);
      const added = await difference(arithmetic, first.image, start.image);
      freeStreams(start);
      const skipped =
        known !== undefined && limits.allows(place) && (await arithmetic.relativeChange(added, known)) <= threshold;
      limits.record(skipped, place);
      let after: Streams;
      if (skipped) {
        free(added);
        after = await recall(first);
      } else {
        if (known) free(known);
        known = added;
        after = await chain.between(pass, first, firstBlocks, middleEnd);
        await remember(first, after);
      }
      if (after !== first) freeStreams(first);
      const velocity = await chain.finish(pass, after, middleEnd);
      freeStreams(after);
      return { velocity, skipped };
    },
    clear() {
      if (known) free(known);
      middle.image.clear();
      middle.text.clear();
    },
  };
}

/** Extrapolates a value from the steps where it is known to later steps. */
export interface TaylorSeries {
  /** Takes over the value. */
  record(step: number, value: AnyTensor): Promise<void>;
  /** `x` plus the value as it should be in this step. */
  addPrediction(step: number, x: AnyTensor): Promise<AnyTensor>;
  clear(): void;
}

/**
 * Finite differences approximate derivatives: `D₀ = Y, D_{k+1} = (D_k - D_k of the last known step) / distance`, and
 * `Y(s) ≈ Σ D_k (s - s_last)^k / k!`. Order 0 repeats the last value.
 * Source: Liu et al., "From Reusing to Forecasting: Accelerating Diffusion Models with TaylorSeers" (2025); model spec 10.4.
 */
export function taylorSeries(arithmetic: Arithmetic, order: number): TaylorSeries {
  let last = 0;
  let derivatives: AnyTensor[] = [];
  return {
    async record(step, value) {
      const next = [value];
      for (let k = 0; k < order && k < derivatives.length; k++) {
        const share = 1 / (step - last);
        const [now, before] = [next[k]!, derivatives[k]!];
        next.push(
          await arithmetic.weightedSum([
            [share, now],
            [-share, before],
          ]),
        );
      }
      derivatives.forEach(free);
      derivatives = next;
      last = step;
    },
    async addPrediction(step, x) {
      const [value, ...rest] = derivatives as [AnyTensor, ...AnyTensor[]];
      if (rest.length === 0) return sum(arithmetic, x, value);
      let factor = 1;
      const terms = rest.map((derivative, k) => {
        factor *= (step - last) / (k + 1);
        return [factor, derivative] as const;
      });
      return arithmetic.weightedSum([[1, x], [1, value], ...terms]);
    },
    clear: () => derivatives.forEach(free),
  };
}
