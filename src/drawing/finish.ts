import type { GeneratedImage } from "../engine/index.ts";
import { draw } from "./draw.ts";
import type { Drawing, Engine } from "./drawing.ts";
import { refineFaces, refinementOf, stepsPerFace } from "./faces/index.ts";
import { type PictureProgress, pictureProgress } from "./progress.ts";
import { checkPicture, onceMore } from "./safety/check.ts";
import type { Findings, Stages } from "./stages.ts";

export interface DrawFinishedOptions {
  /** Most pixels the model draws. Absent: no limit. */
  readonly maxPixels?: number;
  readonly signal?: AbortSignal;
  /** Called for what was done only in part. */
  onWarning?(message: string): void;
  /** Called after each step of drawing and refining. */
  onStep?(image: number, progress: PictureProgress): void | Promise<void>;
  /** Called with each picture once it has passed all stages. */
  onImage(image: GeneratedImage, index: number, findings: Findings): void | Promise<void>;
}

/**
 * Draws pictures and sees each through its stages: drawing, then faces, then safety. Without stages it is `draw`.
 *
 * @throws TaskError `nsfwContentDetected` when a picture is refused; those before it have been handed over
 * @throws as `draw` does
 */
export async function drawFinished(
  engine: Engine,
  drawing: Drawing,
  stages: Stages,
  options: DrawFinishedOptions,
): Promise<void> {
  if (!stages.faces) return drawPlain(engine, drawing, stages, options);
  // One picture after the other: the engine refines the faces of one before it draws the next.
  for (let index = 0; index < (drawing.count ?? 1); index++) {
    const seed = BigInt.asUintN(64, drawing.seed + BigInt(index));
    await drawWithFaces(engine, { ...drawing, seed, count: 1 }, stages, index, options);
  }
}

async function drawPlain(engine: Engine, drawing: Drawing, { safety }: Stages, options: DrawFinishedOptions) {
  const { onStep, onImage, ...limits } = options;
  const progress = pictureProgress(0);
  await draw(engine, drawing, {
    ...limits,
    onStep: ({ image, step, steps }) => onStep?.(image, progress.drawn(step, steps)),
    async onImage(image, index) {
      if (!safety) return onImage(image, index, {});
      const { picture, findings } = await checkPicture(image, safety, index, options.signal);
      await onImage(picture, index, findings);
    },
  });
}

async function drawWithFaces(
  engine: Engine,
  drawing: Drawing,
  stages: Stages,
  index: number,
  { onStep, onImage, ...limits }: DrawFinishedOptions,
): Promise<void> {
  const { detector, settings } = stages.faces!;
  const { signal } = limits;
  const progress = pictureProgress(stepsPerFace(settings));
  let drawnSteps = 0; // none when the starting picture is left as it is
  const [drawn] = await draw(engine, drawing, {
    ...limits,
    onStep({ step, steps }) {
      drawnSteps = steps;
      return onStep?.(index, progress.drawn(step, steps));
    },
  });
  const faces = await onceMore(() => detector.detect(drawn!, settings.confidence, signal));
  const refined = await refineFaces(engine, drawn!, faces, refinementOf(settings, drawing, drawing.seed), {
    ...limits,
    onStep: (step) => onStep?.(index, progress.refined(drawnSteps, step)),
  });
  const found = { faces: faces.length };
  if (!stages.safety) return onImage(refined, index, found);
  const { picture, findings } = await checkPicture(refined, stages.safety, index, signal);
  await onImage(picture, index, { ...found, ...findings });
}
