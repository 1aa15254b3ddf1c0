import { sizeOfArea } from "../engine/index.ts";
import type { ModelCard, Size } from "../models/index.ts";
import type { GrayImage, RgbImage } from "../pictures/index.ts";
import { grayOf, onWhite } from "../pictures/index.ts";
import type { ImageInferenceTask } from "../protocol/index.ts";
import { adaptersOf, type TaskAdapters } from "./adapters.ts";
import type { Drawing } from "./drawing.ts";
import { stepCacheOf } from "./step-cache.ts";

/** A decoded file; clear pixels are white, except in masks. */
type Decoded = RgbImage & { readonly alpha?: Uint8Array };

/** The pictures that a task refers to, fetched and decoded. */
export interface TaskPictures {
  readonly seedImage?: Decoded;
  readonly maskImage?: GrayImage;
  /** What an editing model is shown, in the task's order. */
  readonly references?: readonly Decoded[];
  /** One for each ControlNet. */
  readonly guides?: readonly Decoded[];
}

/** Stands for "no text guidance" in the API. */
const BLANK = "__BLANK__";
const STRENGTH = 0.8;

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
    strength: seedImage && (task.inputs?.strength ?? STRENGTH),
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
