import type { GrayImage, RgbImage } from "../../pictures/index.ts";
import { check, checkInteger, checkNumber, checkOneOf, checkPicture } from "../check.ts";

/** A ControlNet and the picture whose structure the drawing is to follow. */
export interface ControlParams {
  /** A `QwenImageControlNetModel` in diffusers layout, of this checkpoint's sizes. */
  readonly folder: string;
  /** The guide, of exactly the size drawn: edges, depth, a pose; what the ControlNet was trained on. */
  readonly image: RgbImage;
  /** White where to paint, of the size drawn. Inpainting ControlNets need it, others do not look at it. */
  readonly mask?: GrayImage;
  /** -4…4; 0 leaves it out, below 0 steers away. Default 1. */
  readonly weight?: number;
  /** First step under its influence, counted from 0 in the whole schedule. Default 0. */
  readonly start?: number;
  /** The step before which its influence ends. Default: all steps. */
  readonly end?: number;
  /**
   * Who prevails. `balanced`: the guide acts on both guidance passes alike. `controlnet`: on the prompt's pass only, so that
   * guidance amplifies it. `prompt`: weaker on the first blocks than on the last ones. Default `balanced`.
   */
  readonly mode?: "balanced" | "controlnet" | "prompt";
}

/**
 * @param drawn the size of the picture drawn
 * @throws ParameterError naming the ControlNet's setting that cannot be used
 */
export function checkControls(
  controls: readonly ControlParams[],
  { width, height }: { width: number; height: number },
): void {
  controls.forEach((control, i) => {
    const { folder, image, mask, weight = 1, start = 0, end = Number.MAX_SAFE_INTEGER, mode = "balanced" } = control;
    const name = (part: keyof ControlParams) => `controls[${i}].${part}`;
    check(typeof folder === "string" && folder !== "", name("folder"), folder, "a path");
    checkPicture(name("image"), image, { width, height, channels: 3 });
    if (mask) checkPicture(name("mask"), mask, { width, height, channels: 1 });
    checkNumber(name("weight"), weight, -4, 4);
    checkInteger(name("start"), start, 0);
    checkInteger(name("end"), end, start + 1);
    checkOneOf(name("mode"), mode, ["balanced", "controlnet", "prompt"]);
  });
}
