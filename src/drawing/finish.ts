import type { GeneratedImage, GenerateHooks } from "../engine/index.ts";
import { draw } from "./draw.ts";
import type { Drawing, Engine } from "./drawing.ts";
import { refineFaces, refinementOf, stepsPerFace } from "./faces/index.ts";
import type { FinishingNetworks } from "./networks.ts";
import { type PictureProgress, pictureProgress } from "./progress.ts";
import { checkPicture } from "./safety.ts";
import type { Findings, Stages } from "./stages.ts";
import { watermarker } from "./watermark.ts";

/** An image to generate and the stages after it. Plain data, so that it can be sent to another process. */
export interface DrawingPlan {
  readonly drawing: Drawing;
  readonly stages: Stages;
  /** Most pixels that the model generates; a larger image is generated smaller and enlarged. Absent: no limit. */
  readonly maxPixels?: number;
}

/** Callbacks of a running drawing. */
export interface DrawHooks extends Omit<GenerateHooks, "onStep" | "onImage"> {
  /** Called after each step of generating and refining. If it returns a promise, the next step waits for it. */
  onStep?(progress: PictureProgress): void | Promise<void>;
  /** Called in order with each image that has passed all stages. */
  onImage?(image: GeneratedImage, index: number, findings: Findings): void | Promise<void>;
}

/**
 * Generates images and passes each through its stages: faces, safety, watermark. Without stages it equals `draw`.
 *
 * @throws PictureRefused when the safety check refuses an image; earlier images have been delivered
 * @throws ParameterError as `draw` does
 */
export async function drawFinished(
  engine: Engine,
  networks: Pick<FinishingNetworks, "findFaces" | "classify">,
  plan: DrawingPlan,
  hooks: DrawHooks,
): Promise<void> {
  const { drawing, stages, maxPixels } = plan;
  // Prepared first, so that its errors appear before the first step.
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

/** Generates one image after the other: the faces of one are refined before the next one starts. */
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
    let drawnSteps = 0; // stays 0 when the seed image is returned unchanged
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
