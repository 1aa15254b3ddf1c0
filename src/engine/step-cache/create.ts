import type { Arithmetic } from "../arithmetic/arithmetic.ts";
import type { TransformerChain } from "../transformer-chain.ts";
import type { CacheParams } from "./params.ts";
import { residualCache } from "./residual-cache.ts";
import type { StepCache } from "./step-cache.ts";
import { teaCache } from "./tea-cache.ts";

/** Positions at which a cache splits the transformer. */
export function cutsFor(params: CacheParams, blocks: number): number[] {
  if (params.kind === "teaCache") return [0, blocks];
  const { firstBlocks, lastBlocks } = blockSplit(params, blocks);
  return [0, firstBlocks, blocks - lastBlocks, blocks];
}

/** Makes an empty cache. The chain must be open at the positions of `cutsFor`. */
export function createStepCache(params: CacheParams, chain: TransformerChain, arithmetic: Arithmetic): StepCache {
  if (params.kind === "teaCache") return teaCache(chain, arithmetic, params);
  return residualCache(chain, arithmetic, { ...params, ...blockSplit(params, chain.blocks) });
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
