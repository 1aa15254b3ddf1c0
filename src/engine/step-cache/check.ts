import { ParameterError } from "../params.ts";
import type { CacheParams } from "./params.ts";

/** @throws ParameterError naming the part of `cache` that cannot be used */
export function checkCache(cache: CacheParams): CacheParams {
  const { kind, threshold, start = 0, end = Number.MAX_SAFE_INTEGER, maxConsecutive } = cache;
  if (!["fbCache", "teaCache", "dbCache"].includes(kind)) throw refused("kind", kind, "fbCache, teaCache, dbCache");
  if (!(threshold >= 0)) throw refused("threshold", threshold, "a number from 0");
  atLeast("start", start, 0);
  atLeast("end", end, 0);
  if (start >= end) throw refused("start", start, `less than the end, ${end}`);
  atLeast("maxConsecutive", maxConsecutive, 1);
  if (kind === "dbCache") {
    atLeast("firstBlocks", cache.firstBlocks, 1);
    atLeast("lastBlocks", cache.lastBlocks, 0);
    atLeast("refreshInterval", cache.refreshInterval, 1);
    atLeast("taylorOrder", cache.taylorOrder, 0);
  }
  if (kind === "teaCache" && cache.coefficients && !cache.coefficients.every(Number.isFinite)) {
    throw refused("coefficients", cache.coefficients, "finite numbers");
  }
  return cache;
}

function atLeast(part: string, value: number | undefined, min: number): void {
  if (value !== undefined && !(Number.isInteger(value) && value >= min)) {
    throw refused(part, value, `a whole number from ${min}`);
  }
}

function refused(part: string, value: unknown, allowed: string): ParameterError {
  return new ParameterError(`cache.${part}`, `cache.${part} is ${String(value)}; allowed: ${allowed}`);
}
