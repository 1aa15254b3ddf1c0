import type { StepEvent } from "../engine/index.ts";
import type { RgbImage } from "../pictures/index.ts";

/** How far one picture is. */
export interface PictureProgress extends Pick<StepEvent, "image"> {
  /** Steps done, drawing and refinement together, of `steps` known so far. */
  readonly step: number;
  readonly steps: number;
  /** How much of this picture is done, 0…1; never falls. */
  readonly share: number;
  /** A rough picture of what is being drawn, where there is one. */
  preview?(): Promise<RgbImage>;
}

/**
 * Counts the steps of a picture whose faces may be refined. How many faces there are shows only after drawing: until then one face is
 * allowed for.
 * @param faceSteps steps that one face takes; 0 when none are refined
 */
export function pictureProgress(faceSteps: number) {
  return {
    drawn({ image, step, steps, preview }: StepEvent): PictureProgress {
      return { image, step, steps, share: step / (steps + faceSteps), preview };
    },
    /** @param steps of drawing */
    refined(
      image: number,
      steps: number,
      at: { face: number; faces: number; step: number; steps: number },
    ): PictureProgress {
      const before = steps / (steps + faceSteps);
      const [done, all] = [at.face * at.steps + at.step, at.faces * at.steps];
      return { image, step: steps + done, steps: steps + all, share: before + (1 - before) * (done / all) };
    },
  };
}
