import type { GeneratedImage, GenerateHooks } from "../engine/index.ts";
import { draw } from "./draw.ts";
import type { Drawing, Engine } from "./drawing.ts";
import { refineFaces, refinementOf, stepsPerFace } from "./faces/index.ts";
import type { FinishingNetworks } from "./networks.ts";
import { type PictureProgress, pictureProgress } from "./progress.ts";
import { checkPicture } from "./safety.ts";
import type { Findings, Stages } from "./stages.ts";
import { watermarker } from "./watermark.ts";

/** What is drawn and what is done with it: data alone, so that it can go to another process. */
export interface DrawingPlan {
  readonly drawing: Drawing;
  readonly stages: Stages;
  /** Most pixels the model draws; larger pictures are drawn smaller and enlarged. Absent: no limit. */
  readonly maxPixels?: number;
}

/** What a drawing tells whoever waits for it. */
export interface DrawHooks extends Omit<GenerateHooks, "onStep" | "onImage"> {
  /** Called after each step of drawing and refining; when it returns a promise, the next step waits for it. */
  onStep?(progress: PictureProgress): void | Promise<void>;
  /** Called with each picture once it has passed all stages, in order. */
  onImage?(image: GeneratedImage, index: number, findings: Findings): void | Promise<void>;
}

/**
 * Draws pictures and sees each through its stages: drawing, then faces, then safety, then the watermark. Without stages it is `draw`.
 *
 * @throws PictureRefused when the safety check refuses a picture; those before it have been handed over
 * @throws as `draw` does
 */
export async function drawFinished(
  engine: Engine,
  networks: Pick<FinishingNetworks, "findFaces" | "classify">,
  plan: DrawingPlan,
  hooks: DrawHooks,
): Promise<void> {
  const { drawing, stages, maxPixels } = plan;
  // Prepared first: what is wrong with it shows before anything is drawn.
  const mark = stages.watermark && (await watermarker(stages.watermark, drawing));
  const marked = (image: GeneratedImage) => (mark ? mark(image) : image);
  const deliver = async (image: GeneratedImage, index: number, found: Findings): Promise<void> => {
    if (!stages.safety) return hooks.onImage?.(marked(image), index, found);
    hooks.signal?.throwIfAborted();
    const { picture, findings } = await checkPicture(image, index, stages.safety, networks);
    await hooks.onImage?.(marked(picture), index, { ...found, ...findings });
  };
  if (stages.faces) return drawWithFaces(engine, networks, plan, hooks, deliver);
  const progress = pictureProgress(0);
  await draw(engine, drawing, {
    maxPixels,
    signal: hooks.signal,
    onWarning: hooks.onWarning,
    onStage: hooks.onStage,
    onStep: (step) => hooks.onStep?.(progress.drawn(step)),
    onImage: (image, index) => deliver(image, index, {}),
  });
}

/** One picture after the other: the faces of one are refined before the next is drawn. */
async function drawWithFaces(
  engine: Engine,
  networks: Pick<FinishingNetworks, "findFaces">,
  { drawing, stages, maxPixels }: DrawingPlan,
  { signal, onWarning, onStage, onStep }: DrawHooks,
  deliver: (image: GeneratedImage, index: number, found: Findings) => Promise<void>,
): Promise<void> {
  const settings = stages.faces!;
  const progress = pictureProgress(stepsPerFace(settings));
  for (let index = 0; index < (drawing.count ?? 1); index++) {
    const seed = BigInt.asUintN(64, drawing.seed + BigInt(index));
    let drawnSteps = 0; // none when the starting picture is left as it is
    const [drawn] = await draw(
      engine,
      { ...drawing, seed, count: 1 },
      {
        maxPixels,
        signal,
        onWarning,
        onStage,
        onStep(step) {
          drawnSteps = step.steps;
          return onStep?.(progress.drawn({ ...step, image: index }));
        },
      },
    );
    signal?.throwIfAborted();
    const faces = await networks.findFaces(drawn!, settings.confidence);
    const refined = await refineFaces(engine, drawn!, faces, refinementOf(settings, drawing, seed), {
      maxPixels,
      signal,
      onStep: (step) => onStep?.(progress.refined(index, drawnSteps, step)),
    });
    await deliver(refined, index, { faces: faces.length });
  }
}
