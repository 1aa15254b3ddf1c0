import type { CacheParams } from "../engine/index.ts";
import { type ImageInferenceTask, resolveWindow } from "../protocol/index.ts";

/** The relative change that the most daring setting of the first-block caches lets pass. */
const LARGEST_CHANGE = 0.24;

/**
 * The step cache that a task asks for. When it switches on several, the most careful method wins: DB Cache, then First Block
 * Cache, then TeaCache.
 *
 * The API counts `fbCacheThreshold` and `dbCacheThreshold` against the papers: "lower values reuse more". Here they become the
 * papers' threshold by `0.24 · (1 - t)`: 1 reuses nothing, the default 0.25 lets pass 18 % of change. `teaCacheDistance` is the
 * paper's own ("higher is faster"). DB Cache continues residuals along a line: measured (`npm run bench:caches`), 0.6 to 4.7 dB closer
 * to the picture without a cache than repeating them.
 */
export function stepCacheOf({ acceleratorOptions: options, steps }: ImageInferenceTask): CacheParams | undefined {
  if (!options) return undefined;
  const { start, end } = resolveWindow(
    {
      start: options.cacheStartStep,
      startPercentage: options.cacheStartStepPercentage,
      end: options.cacheEndStep,
      endPercentage: options.cacheEndStepPercentage,
    },
    steps,
  );
  if (start >= end) return undefined; // two percentages within one step: no step is left to skip
  const limits = { start, end, maxConsecutive: options.cacheMaxConsecutiveSteps };
  if (options.dbCache) {
    const threshold = changeAllowed(options.dbCacheThreshold);
    return { kind: "dbCache", threshold, refreshInterval: options.dbCacheSkipInterval + 1, taylorOrder: 1, ...limits };
  }
  if (options.fbCache) return { kind: "fbCache", threshold: changeAllowed(options.fbCacheThreshold), ...limits };
  if (options.teaCache) return { kind: "teaCache", threshold: options.teaCacheDistance, ...limits };
  return undefined;
}

function changeAllowed(threshold: number): number {
  return LARGEST_CHANGE * (1 - threshold);
}
