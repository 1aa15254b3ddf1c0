/** What happens to an image after it is drawn: faces, the safety check. */

import { flag, float, group, integer, oneOf, text } from "../fields/index.ts";

/** Face detection and refinement after generation. */
export const ultralytics = group("Finds faces and redraws them with more detail.", {
  CFGScale: float("Guidance scale of the refinement.", { min: 0, max: 50, step: 0.1 }).default(8),
  confidence: float("Confidence from which a face counts.", { min: 0, max: 1, step: 0.01 }).default(0.9),
  maskBlur: integer("Feathering of the mask.", { min: 0, max: 100 }).default(5),
  maskPadding: integer("Pixels around a face that are refined with it.", { min: 0, max: 20 }).default(5),
  positivePrompt: text("Prompt of the refinement. Without it the task's own.", { max: 32_000 }).optional(),
  negativePrompt: text("Negative prompt of the refinement. Without it the task's own.", { max: 32_000 }).optional(),
  steps: integer("Steps of the refinement.", { min: 1, max: 100 }).default(20),
  strength: float("Strength of the refinement. Lower values keep more of the original.", {
    min: 0,
    max: 1,
    step: 0.01,
  }).default(0.3),
});

export const SAFETY_MODES = ["none", "fast"] as const;

/** Content safety checking. `mode` wins over `checkContent`; the output carries both, in agreement. */
export const safety = group("Content safety checking.", {
  checkContent: flag("Turns safety checking on; alone it means mode `fast`.", { assumed: false }).optional(),
  mode: oneOf("`none` disables checks, `fast` performs a single check. Wins over `checkContent`.", SAFETY_MODES, {
    assumed: "none",
  }).optional(),
}).transform(({ checkContent, mode = checkContent === true ? "fast" : "none" }) => ({
  checkContent: mode !== "none",
  mode,
}));
