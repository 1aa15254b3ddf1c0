import { type CacheParams, sizeOfArea } from "../engine/index.ts";
import type { ModelCard, Size } from "../models/index.ts";
import {
  fitInside,
  type GrayImage,
  type GuideFilter,
  grayOf,
  onWhite,
  type RgbImage,
  resizeImage,
} from "../pictures/index.ts";
import {
  type ControlNetPreprocessTask,
  DEFAULT_STRENGTH,
  type ImageInferenceTask,
  resolveWindow,
} from "../protocol/index.ts";
import { adaptersOf, type TaskAdapters } from "./adapters.ts";
import type { Drawing } from "./drawing.ts";

/** A decoded file; clear pixels are white, except in masks. */
type Decoded = RgbImage & { readonly alpha?: Uint8Array };

/** The pictures that a task refers to, fetched and decoded. */
export interface TaskPictures {
  readonly seedImage?: Decoded;
  readonly maskImage?: GrayImage;
  /** What an editing model is shown, in the task's order. */
  readonly references?: readonly Decoded[];
  readonly watermarkImage?: Decoded;
  /** One for each ControlNet. */
  readonly guides?: readonly Decoded[];
}

/** Stands for "no text guidance" in the API. */
const BLANK = "__BLANK__";

/** The area that an editing model is shown of each reference, and draws where no size is given. */
const REFERENCE_PIXELS = 1024 * 1024;

/**
 * The one place where the API's words become the field's words.
 *
 * @param seed of the first result: the task's own, or the random one drawn for it
 * @param card what is said of the model
 * @param adapters found for the task by `findAdapters`
 */
export function drawingFromTask(
  task: ImageInferenceTask,
  seed: bigint,
  card: Pick<ModelCard, "maxPixels"> & { readonly defaults: { readonly CFGScale: number } },
  { seedImage, maskImage, references = [], guides = [] }: TaskPictures = {},
  adapters: TaskAdapters = { loras: [], controls: [] },
): Drawing {
  const guidance = task.settings?.trueCFGScale ?? task.CFGScale ?? card.defaults.CFGScale;
  const referencePixels = Math.min(REFERENCE_PIXELS, card.maxPixels ?? REFERENCE_PIXELS);
  const text = task.positivePrompt === BLANK ? { prompt: "", guidance: 1 } : { prompt: task.positivePrompt, guidance };
  return {
    ...text,
    negativePrompt: task.negativePrompt,
    ...sizeOf(task, references, referencePixels),
    references: references.map(onWhite),
    referencePixels,
    steps: task.steps,
    scheduler: task.scheduler,
    seed,
    count: task.numberResults,
    image: seedImage && onWhite(seedImage),
    strength: seedImage && (task.inputs?.strength ?? DEFAULT_STRENGTH),
    mask: maskImage,
    maskMargin: task.maskMargin,
    outpaint: task.outpaint,
    cache: stepCacheOf(task),
    ...adaptersOf(task, adapters, guides.map(onWhite)),
  };
}

/** The size asked for; that of an edit may be left open. */
function sizeOf({ width, height }: ImageInferenceTask, references: readonly RgbImage[], pixels: number): Size {
  if (width !== undefined && height !== undefined) return { width, height };
  return sizeOfArea(pixels, references.at(-1)!);
}

/** A decoded file as a mask: its lightness, with clear pixels counting as black. */
export function maskFromPicture(picture: Decoded): GrayImage {
  const gray = grayOf(picture);
  const { alpha } = picture;
  return alpha ? { ...gray, pixels: gray.pixels.map((value, i) => Math.round((value * alpha[i]!) / 255)) } : gray;
}

/** Pixels a side; no picture is drawn larger. */
const LARGEST = 2048;

/** What is to be made, ready for `guideImage`: the picture at the size asked for, and the filter in the field's words. */
export async function guideFromTask(
  task: ControlNetPreprocessTask,
  picture: RgbImage & { readonly alpha?: Uint8Array },
) {
  const { width, height } = fitInside(picture, { width: task.width ?? LARGEST, height: task.height ?? LARGEST });
  const filter: GuideFilter = {
    kind: task.preProcessorType,
    low: task.lowThresholdCanny,
    high: task.highThresholdCanny,
  };
  return { picture: await resizeImage(onWhite(picture), width, height), filter };
}

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
