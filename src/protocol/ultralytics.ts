import { float, group, integer, text } from "./field.ts";

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
