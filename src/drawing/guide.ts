import { fitInside, type GuideFilter, onWhite, type RgbImage, resizeImage } from "../pictures/index.ts";
import type { ControlNetPreprocessTask } from "../protocol/index.ts";

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
