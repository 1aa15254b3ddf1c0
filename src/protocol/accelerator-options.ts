import { flag, float, group, integer } from "../fields/index.ts";

const threshold = { min: 0, max: 1, step: 0.01 };

/** Caches that skip part of the work of a step. All are off unless asked for. */
export const acceleratorOptions = group("Caching mechanisms that speed up generation.", {
  teaCache: flag("TeaCache: estimates the change between steps and skips the transformer where it is small.").default(
    false,
  ),
  teaCacheDistance: float("Aggressiveness of TeaCache. Lower is better quality, higher is faster.", threshold).default(
    0.5,
  ),
  fbCache: flag("First Block Cache: reuses the blocks after the first across steps.").default(false),
  fbCacheThreshold: float("Sensitivity of First Block Cache. Lower values reuse more.", threshold).default(0.25),
  dbCache: flag("DB Cache (Cache-DiT): reuses the middle blocks across steps.").default(false),
  dbCacheThreshold: float(
    "Sensitivity of DB Cache. Lower values reuse more, higher prioritize quality.",
    threshold,
  ).default(0.25),
  dbCacheSkipInterval: integer(
    "Steps that DB Cache may skip between refreshes, and not more in a row than `cacheMaxConsecutiveSteps`.",
    { min: 1 },
  ).default(5),
  cacheStartStep: integer("First step that may use a cache. Less than the end.", { min: 0 }).optional(),
  cacheEndStep: integer("Step at which caching ends. Greater than the start, at most `steps`.", { min: 1 }).optional(),
  cacheStartStepPercentage: integer("The start as a percentage of steps. Not together with `cacheStartStep`.", {
    min: 0,
    max: 99,
  }).optional(),
  cacheEndStepPercentage: integer("The end as a percentage of steps. Not together with `cacheEndStep`.", {
    min: 1,
    max: 100,
  }).optional(),
  cacheMaxConsecutiveSteps: integer("Cached steps in a row before a full one is forced.", { min: 1, max: 5 }).default(
    3,
  ),
});
