import type { ImageInferenceTask } from "../../protocol/index.ts";
import type { Drawing } from "../drawing.ts";
import type { Refinement } from "./refine.ts";

/** The wishes of `advancedFeatures.ultralytics`, validated and with their defaults. */
export type FaceSettings = NonNullable<NonNullable<ImageInferenceTask["advancedFeatures"]>["ultralytics"]>;

/**
 * How the faces of one picture are refined. Prompts that are absent or empty are the picture's own, and so are its LoRAs: a face
 * shall have the picture's style. ControlNets and caches were for the whole picture.
 * @param picture how it was drawn
 * @param seed of this picture
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

/** Steps that refining one face takes: the last `strength · steps` of them, at least one; none with strength 0. */
export function stepsPerFace({ steps, strength }: FaceSettings): number {
  return strength === 0 ? 0 : Math.max(1, Math.trunc(steps * strength));
}
