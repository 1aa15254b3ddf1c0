import type { StepEvent } from "../engine/index.ts";
import type { RgbImage } from "../pictures/index.ts";

/** Progress of one image. */
export interface PictureProgress extends Pick<StepEvent, "image"> {
  /** Finished steps, generating and refining together, of the `steps` known so far. */
  readonly step: number;
  readonly steps: number;
  /** Finished share of this image, 0…1; it never falls. */
  readonly share: number;
  /** A rough preview of the image, if available. */
  preview?(): Promise<RgbImage>;
}

/**
 * Counts the steps of an image with or without refined faces. The number of faces is known after generating. Until then it assumes one
 * face.
 * @param faceSteps steps of one face; 0 when faces are not refined
 */
export function pictureProgress(faceSteps: number) {
  return {
    drawn({ image, step, steps, preview }: StepEvent): PictureProgress {
      return { image, step, steps, share: step / (steps + faceSteps), preview };
    },
    /** @param steps of the image, without its faces */
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
