import { type ControlParams, ParameterError } from "../params.ts";

const MAX_WEIGHT = 4;

/**
 * @param width of the picture drawn, like `height`
 * @throws ParameterError naming the ControlNet's setting that cannot be used
 */
export function checkControls(
  controls: readonly ControlParams[],
  width: number,
  height: number,
): readonly ControlParams[] {
  controls.forEach((control, i) => {
    const { folder, image, mask, weight = 1, start = 0, end = Number.MAX_SAFE_INTEGER, mode = "balanced" } = control;
    const refuse = (part: string, value: unknown, allowed: string) => {
      const name = `controls[${i}].${part}`;
      throw new ParameterError(name, `${name} is ${String(value)}; allowed: ${allowed}`);
    };
    if (typeof folder !== "string" || folder === "") refuse("folder", folder, "a path");
    for (const [part, picture, channels] of [
      ["image", image, 3],
      ["mask", mask, 1],
    ] as const) {
      if (picture === undefined && part === "mask") continue;
      const fits = picture?.width === width && picture.height === height;
      if (!fits || picture.pixels.length !== width * height * channels) {
        refuse(part, picture && `${picture.width}×${picture.height}`, `exactly ${width}×${height}`);
      }
    }
    if (!(Math.abs(weight) <= MAX_WEIGHT)) refuse("weight", weight, `a number from -${MAX_WEIGHT} to ${MAX_WEIGHT}`);
    if (!Number.isInteger(start) || start < 0) refuse("start", start, "a whole number from 0");
    if (!Number.isInteger(end) || end <= start) refuse("end", end, `a whole number above the start, ${start}`);
    if (!["balanced", "controlnet", "prompt"].includes(mode)) refuse("mode", mode, "balanced, controlnet, prompt");
  });
  return controls;
}
