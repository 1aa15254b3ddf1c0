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

/** A decoded file. Transparent pixels are white, except in masks. */
type Decoded = RgbImage & { readonly alpha?: Uint8Array };

/** The images that a task refers to, fetched and decoded. */
export interface TaskPictures {
  readonly seedImage?: Decoded;
  readonly maskImage?: GrayImage;
  /** Reference images for an editing model, in the order of the task. */
  readonly references?: readonly Decoded[];
  readonly watermarkImage?: Decoded;
  /** One guide image for each ControlNet. */
  readonly guides?: readonly Decoded[];
}

/** The API's value for "no text guidance". */
const BLANK = "__BLANK__";

/** Area of each reference image as an editing model sees it, in pixels. Also the area of the result when the task has no size. */
const REFERENCE_PIXELS = 1024 * 1024;

/**
 * Converts a task into the parameters of a drawing. It is the one place where the API's words become those of the literature.
 *
 * @param seed of the first result: that of the task, or a random one
 * @param card of the model
 * @param adapters from `findAdapters`
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

/** The requested size. An edit may omit it: the area is then that of a reference, the aspect ratio that of the last one. */
function sizeOf({ width, height }: ImageInferenceTask, references: readonly RgbImage[], pixels: number): Size {
  if (width !== undefined && height !== undefined) return { width, height };
  return sizeOfArea(pixels, references.at(-1)!);
}

/** A decoded file as a mask: its lightness; transparent pixels count as black. */
export function maskFromPicture(picture: Decoded): GrayImage {
  const gray = grayOf(picture);
  const { alpha } = picture;
  return alpha ? { ...gray, pixels: gray.pixels.map((value, i) => Math.round((value * alpha[i]!) / 255)) } : gray;
}

/** Largest side of an image, in pixels. */
const LARGEST = 2048;

/** The input of `guideImage`: the image at the requested size, and the filter's parameters. */
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

/** Relative change that the first-block caches accept at their fastest setting. */
const LARGEST_CHANGE = 0.24;

/**
 * The step cache that a task requests. If it requests several, the most exact one is used: DB Cache, then First Block Cache, then
 * TeaCache.
 *
 * `fbCacheThreshold` and `dbCacheThreshold` of the API run opposite to the papers: "lower values reuse more". The papers' threshold is
 * `0.24 · (1 - t)`: 1 reuses nothing, the default 0.25 accepts a change of 18 %. `teaCacheDistance` is the paper's own
 * ("higher is faster"). DB Cache extrapolates residuals along a line. That is 0.6 to 4.7 dB closer to the image without a cache than
 * repeating them (`npm run bench:caches`).
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
  if (start >= end) return undefined; // both percentages fall within one step: there is no step to skip
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
