/** `advancedFeatures.watermark`: a text or an image over the finished image. */

import type { z } from "zod";
import { flag, float, group, oneOf, text } from "../fields/index.ts";
import { missingParameter } from "./parameter-errors.ts";
import { TaskError } from "./task-error.ts";
import { colour, imageReference } from "./values.ts";

/** The positions of a watermark. */
const POSITIONS = [
  "top-left",
  "top-center",
  "top-right",
  "center-left",
  "center",
  "center-right",
  "bottom-left",
  "bottom-center",
  "bottom-right",
  "tiled",
] as const;
export type WatermarkPosition = (typeof POSITIONS)[number];

export const watermark = group("Lays a text or an image over the finished image: one of `text` and `image`.", {
  text: text(
    "The text, in Noto Sans SemiBold. Letters other than Latin, Greek and Cyrillic use the fonts of the server.",
    { min: 2, max: 32 },
  ).optional(),
  image: imageReference(
    "The image (UUID, URL, data URI, or base64). Transparent pixels show the image below. It is scaled down to a quarter of the image's sides, never enlarged.",
  ).optional(),
  displayPosition: oneOf("Position of the watermark. `tiled` repeats it over the whole image.", POSITIONS, {
    anyCase: true,
  }).default("bottom-right"),
  tiled: flag("An older form of `tiled` as `displayPosition`. It wins over `displayPosition`.").optional(),
  opacity: float("Opacity of the watermark.", { min: 0.1, max: 1, step: 0.01 }).default(0.6),
  fontColor: colour(
    "Colour of the text. Without `bgColor`, the letters have a thin outline in a contrasting lightness.",
    {
      assumed: "#FFFFFF",
    },
  ).optional(),
  bgColor: colour("Colour of the background plate. By default there is no plate.").optional(),
});

/** Rules between its parameters. */
export function watermarkErrors(mark: z.output<typeof watermark> | undefined): TaskError[] {
  if (mark === undefined) return [];
  const path = (name: string) => `advancedFeatures.watermark.${name}`;
  if (mark.text === undefined && mark.image === undefined) {
    return [missingParameter(path("text"), `Give it, or '${path("image")}'.`, { type: "string" })];
  }
  const second = mark.text !== undefined ? "text" : "fontColor";
  if (mark.image === undefined || mark[second] === undefined) return [];
  const [first, other] = [path("image"), path(second)];
  const reason = second === "text" ? "A watermark is either a text or an image." : "It is the colour of a text.";
  return [new TaskError("incompatibleParameters", { first, second: other, reason }, { parameter: [first, other] })];
}
