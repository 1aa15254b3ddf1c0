import type { GrayImage, RgbImage } from "../pictures/index.ts";
import { grayOf, onWhite } from "../pictures/index.ts";
import type { ImageInferenceTask } from "../protocol/index.ts";
import { adaptersOf, type TaskAdapters } from "./adapters.ts";
import type { Drawing } from "./drawing.ts";
import { stepCacheOf } from "./step-cache.ts";

/** A decoded file; clear pixels of seed and guide images are white. */
type Decoded = RgbImage & { readonly alpha?: Uint8Array };

/** The pictures that a task refers to, fetched and decoded. */
export interface TaskPictures {
  readonly seedImage?: Decoded;
  readonly maskImage?: GrayImage;
  /** One for each ControlNet. */
  readonly guides?: readonly Decoded[];
}

/** Stands for "no text guidance" in the API. */
const BLANK = "__BLANK__";
const STRENGTH = 0.8;

/**
 * The one place where the API's words become the field's words.
 *
 * @param seed of the first result: the task's own, or the random one drawn for it
 * @param defaults what the model's card says
 * @param adapters found for the task by `findAdapters`
 */
export function drawingFromTask(
  task: ImageInferenceTask,
  seed: bigint,
  defaults: { CFGScale: number },
  { seedImage, maskImage, guides = [] }: TaskPictures = {},
  adapters: TaskAdapters = { loras: [], controls: [] },
): Drawing {
  const guidance = task.settings?.trueCFGScale ?? task.CFGScale ?? defaults.CFGScale;
  const text = task.positivePrompt === BLANK ? { prompt: "", guidance: 1 } : { prompt: task.positivePrompt, guidance };
  return {
    ...text,
    negativePrompt: task.negativePrompt,
    width: task.width,
    height: task.height,
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

/** A decoded file as a mask: its lightness, with clear pixels counting as black. */
export function maskFromPicture(picture: Decoded): GrayImage {
  const gray = grayOf(picture);
  const { alpha } = picture;
  return alpha ? { ...gray, pixels: gray.pixels.map((value, i) => Math.round((value * alpha[i]!) / 255)) } : gray;
}
