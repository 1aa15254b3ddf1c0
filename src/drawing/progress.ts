/** How far one picture is. */
export interface PictureProgress {
  /** Steps done, drawing and refinement together, of `steps` known so far. */
  readonly step: number;
  readonly steps: number;
  /** 0…1; never falls. */
  readonly share: number;
}

/**
 * Counts the steps of a picture whose faces may be refined. How many faces there are shows only after drawing: until then one face is
 * allowed for.
 * @param faceSteps steps that one face takes; 0 when none are refined
 */
export function pictureProgress(faceSteps: number) {
  const drawn = (step: number, steps: number): PictureProgress => ({ step, steps, share: step / (steps + faceSteps) });
  return {
    drawn,
    /** @param steps of drawing */
    refined(steps: number, at: { face: number; faces: number; step: number; steps: number }): PictureProgress {
      const before = steps / (steps + faceSteps);
      const [done, all] = [at.face * at.steps + at.step, at.faces * at.steps];
      return { step: steps + done, steps: steps + all, share: before + (1 - before) * (done / all) };
    },
  };
}
