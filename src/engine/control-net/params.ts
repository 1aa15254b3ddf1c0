import type { GrayImage, RgbImage } from "../../pictures/index.ts";
import { check, checkInteger, checkNumber, checkOneOf, checkPicture } from "../check.ts";

/** A ControlNet and the image whose structure it follows. */
export interface ControlParams {
  /** Folder of a `QwenImageControlNetModel` in diffusers layout, with the sizes of this checkpoint. */
  readonly folder: string;
  /** The guide image, of exactly the generated size: edges, depth, a pose, as the ControlNet was trained. */
  readonly image: RgbImage;
  /** White where to generate, of the generated size. Inpainting ControlNets need it, others ignore it. */
  readonly mask?: GrayImage;
  /** -4…4; 0 turns it off, negative values steer away. Default: 1. */
  readonly weight?: number;
  /** First step that it affects, from 0 in the whole schedule. Default: 0. */
  readonly start?: number;
  /** The step after the last one that it affects. Default: the number of steps. */
  readonly end?: number;
  /**
   * The balance of guide and prompt. `balanced`: the guide affects both guidance passes equally. `controlnet`: only the pass of the prompt, so
   * that guidance amplifies it. `prompt`: weaker in the first blocks than in the last. Default: `balanced`.
   */
  readonly mode?: "balanced" | "controlnet" | "prompt";
}

/**
 * Checks the parameters of ControlNets.
 * @param drawn generated size, in pixels
 * @throws ParameterError naming the parameter of the ControlNet
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
