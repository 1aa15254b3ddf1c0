import { check, checkInteger, checkNumber, checkOneOf } from "../check.ts";

/** In which steps a cache may answer instead of the transformer. */
export interface CacheLimits {
  /** First step that may be skipped, counted from 0 in the whole schedule. Default 0; the first step that runs never is. */
  readonly start?: number;
  /** The step before which skipping ends. Default: all steps. */
  readonly end?: number;
  /** Skipped steps in a row after which a full one is forced. Default: no limit. */
  readonly maxConsecutive?: number;
}

/**
 * A step cache: skips transformer blocks in steps that change little. Thresholds are those of the papers, in relative L1: a
 * higher one skips more, 0 skips nothing.
 */
export type CacheParams = CacheLimits &
  (
    | {
        /** First Block Cache: the change of the first block's residual stands for the change of all. */
        readonly kind: "fbCache";
        readonly threshold: number;
      }
    | {
        /** TeaCache: adds up how the input of the first block changes from step to step. */
        readonly kind: "teaCache";
        readonly threshold: number;
        /** Polynomial from the input's change to the output's, highest power first. Default: those used for Qwen-Image. */
        readonly coefficients?: readonly number[];
      }
    | {
        /** DBCache of Cache-DiT: decides by the first blocks, reuses the middle ones, always computes the last ones. */
        readonly kind: "dbCache";
        readonly threshold: number;
        /** Fn. Default: the share of 8 in 60 blocks, at least 1. */
        readonly firstBlocks?: number;
        /** Bn. Default 0. */
        readonly lastBlocks?: number;
        /** At least every so many steps one is computed in full. Default: no limit. */
        readonly refreshInterval?: number;
        /** Extrapolates the middle blocks' residual by a Taylor series of this order instead of repeating it. Default 0. */
        readonly taylorOrder?: number;
      }
  );

/** @throws ParameterError naming the part of `cache` that cannot be used */
export function checkCache(cache: CacheParams): void {
  const { kind, threshold, start = 0, end = Number.MAX_SAFE_INTEGER, maxConsecutive = 1 } = cache;
  checkOneOf("cache.kind", kind, ["fbCache", "teaCache", "dbCache"]);
  checkNumber("cache.threshold", threshold, 0);
  checkInteger("cache.start", start, 0);
  checkInteger("cache.end", end, 0);
  check(start < end, "cache.start", start, `less than the end, ${end}`);
  checkInteger("cache.maxConsecutive", maxConsecutive, 1);
  if (kind === "dbCache") {
    const { firstBlocks = 1, lastBlocks = 0, refreshInterval = 1, taylorOrder = 0 } = cache;
    checkInteger("cache.firstBlocks", firstBlocks, 1);
    checkInteger("cache.lastBlocks", lastBlocks, 0);
    checkInteger("cache.refreshInterval", refreshInterval, 1);
    checkInteger("cache.taylorOrder", taylorOrder, 0);
  }
  if (kind === "teaCache" && cache.coefficients) {
    const { coefficients } = cache;
    check(coefficients.every(Number.isFinite), "cache.coefficients", coefficients, "finite numbers");
  }
}
