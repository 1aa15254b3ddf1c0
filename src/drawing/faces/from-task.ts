import type { ImageInferenceTask } from "../../protocol/index.ts";
import type { Drawing } from "../drawing.ts";
import type { Refinement } from "./refine.ts";

/** `advancedFeatures.ultralytics` of a task, validated, with its defaults. */
export type FaceSettings = NonNullable<NonNullable<ImageInferenceTask["advancedFeatures"]>["ultralytics"]>;

/**
 * The settings to refine the faces of one image. An absent or empty prompt is replaced by that of the image. The LoRAs are those of
 * the image too, so that a face keeps its style. ControlNets and step caches apply to the whole image only.
 * @param picture the parameters that generated the image
 * @param seed of this image
 */
export function refinementOf(settings: FaceSettings, picture: Drawing, seed: bigint): Refinement {
  return {
    prompt: settings.positivePrompt || picture.prompt,
    negativePrompt: settings.negativePrompt || picture.negativePrompt,
    steps: settings.steps,
    guidance: settings.CFGScale,
    scheduler: picture.scheduler,
    loras: picture.loras,
    schedule: picture.schedule,
    strength: settings.strength,
    workingSide: settings.inpaintSize,
    edits: (picture.references?.length ?? 0) > 0,
    seed,
    maskPadding: settings.maskPadding,
    maskBlur: settings.maskBlur,
  };
}

/** Steps to refine one face: the last `strength · steps` of the schedule, at least one; none with strength 0. */
export function stepsPerFace({ steps, strength }: FaceSettings): number {
  return strength === 0 ? 0 : Math.max(1, Math.trunc(steps * strength));
}
