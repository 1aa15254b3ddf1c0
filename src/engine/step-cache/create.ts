import type { TransformerChain } from "../transformer-chain.ts";
import type { CacheParams } from "./params.ts";
import { residualCache } from "./residual-cache.ts";
import type { StepCache } from "./step-cache.ts";
import { teaCache } from "./tea-cache.ts";

/** The places at which a cache cuts the transformer. */
export function cutsFor(params: CacheParams, blocks: number): number[] {
  if (params.kind === "teaCache") return [0, blocks];
  const { firstBlocks, lastBlocks } = blockSplit(params, blocks);
  return [0, firstBlocks, blocks - lastBlocks, blocks];
}

/** A fresh cache. The chain must have been opened at `cutsFor`. */
export function createStepCache(params: CacheParams, chain: TransformerChain): StepCache {
  if (params.kind === "teaCache") return teaCache(chain, params);
  return residualCache(chain, { ...params, ...blockSplit(params, chain.blocks) });
}

function blockSplit(
  params: Exclude<CacheParams, { kind: "teaCache" }>,
  blocks: number,
): { firstBlocks: number; lastBlocks: number } {
  if (params.kind === "fbCache") return { firstBlocks: 1, lastBlocks: 0 };
  const { firstBlocks: first = Math.max(1, Math.round((8 / 60) * blocks)), lastBlocks = 0 } = params;
  const firstBlocks = Math.min(first, blocks);
  return { firstBlocks, lastBlocks: Math.min(lastBlocks, blocks - firstBlocks) };
}
