import { check, checkInteger, checkNumber, checkOneOf } from "../check.ts";

/** The steps that a cache may skip. */
export interface CacheLimits {
  /** First step that may be skipped, from 0 in the whole schedule. Default: 0. The first step that runs is never skipped. */
  readonly start?: number;
  /** The step after the last one that may be skipped. Default: the number of steps. */
  readonly end?: number;
  /** Most skipped steps in a row; then a full one follows. Default: no limit. */
  readonly maxConsecutive?: number;
}

/**
 * A step cache: it skips transformer blocks in steps that change little. Thresholds are those of the papers, in relative L1. A higher one
 * skips more, 0 skips nothing.
 */
export type CacheParams = CacheLimits &
  (
    | {
        /** First Block Cache: estimates the change of all blocks by that of the first block's residual. */
        readonly kind: "fbCache";
        readonly threshold: number;
      }
    | {
        /** TeaCache: adds the changes of the first block's input over the steps. */
        readonly kind: "teaCache";
        readonly threshold: number;
        /** Polynomial from the change of the input to that of the output, highest power first. Default: the one for Qwen-Image. */
        readonly coefficients?: readonly number[];
      }
    | {
        /** DBCache of Cache-DiT: the first blocks decide, the middle ones are reused, the last ones always run. */
        readonly kind: "dbCache";
        readonly threshold: number;
        /** Fn. Default: a share of 8 in 60 blocks, at least 1. */
        readonly firstBlocks?: number;
        /** Bn. Default: 0. */
        readonly lastBlocks?: number;
        /** A full step at least once in this number of steps. Default: no limit. */
        readonly refreshInterval?: number;
        /** Order of the Taylor series that extrapolates the residual of the middle blocks. 0 repeats it. Default: 0. */
        readonly taylorOrder?: number;
      }
  );

/** @throws ParameterError naming the key of `cache` that cannot be used */
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
