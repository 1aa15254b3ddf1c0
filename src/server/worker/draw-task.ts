import {
  drawingFromTask,
  type EngineProcess,
  type Findings,
  findAdapters,
  maskFromPicture,
  PictureRefused,
  pictureRecord,
  type SafetySettings,
  stagesOf,
  type TaskPictures,
} from "../../drawing/index.ts";
import type { GeneratedImage } from "../../engine/index.ts";
import { type Adapter, type AdapterKind, costPerPicture, type Model, planSize } from "../../models/index.ts";
import type { BringHooks } from "../../models/shared/index.ts";
import type { RgbImage } from "../../pictures/index.ts";
import { type ImageInferenceTask, MAX_SEED, resultSeed, TaskError } from "../../protocol/index.ts";
import type { ImageReferences } from "../storage/index.ts";
import type { Claim } from "../tasks/index.ts";
import type { AttemptSpans } from "./attempt-spans.ts";
import { measured } from "./metrics.ts";
import { createPreviews } from "./previews.ts";
import { type ClaimOf, type StoreMeans, storeResult } from "./store-result.ts";

/** The dependencies of generation tasks. */
export interface DrawMeans extends StoreMeans {
  readonly engine: Pick<EngineProcess, "draw">;
  /** Finds a model and downloads missing files. */
  findModel(air: string, hooks?: BringHooks): Promise<Model>;
  /** Finds a LoRA or ControlNet. Absent: not supported. */
  findAdapter?(air: string, kind: AdapterKind, hooks?: BringHooks): Promise<Adapter>;
  readonly references: ImageReferences;
  readonly safety: SafetySettings;
  readonly spans: Pick<AttemptSpans, "at" | "picture">;
  readonly log: { info(facts: object, message: string): void; warn(facts: object, message: string): void };
}

/** Generates the missing images of a task. Each image is stored and recorded while the next one is generated. */
export async function drawTask(
  claim: ClaimOf<ImageInferenceTask>,
  means: DrawMeans,
  signal: AbortSignal,
  onStep: () => void,
): Promise<void> {
  const { task } = claim;
  const bringing = { signal, onProgress: onStep };
  const model = await means.findModel(task.model, bringing);
  const first = claim.finished.length; // Results are recorded in order, so the finished images come first.
  if (first >= task.numberResults) {
    await means.patiently(() => claim.succeed());
    return;
  }
  const { pictures, parents } = await measured(means.metrics, "inputs", () =>
    loadPictures(claim, means.references, signal),
  );
  const adapters = await findAdapters(
    task,
    means.findAdapter && ((air, kind) => means.findAdapter!(air, kind, bringing)),
  );
  const drawing = drawingFromTask(task, claim.seed, model.card, pictures, adapters);
  const { maxPixels } = model.card;
  const { note } = planSize(drawing, maxPixels);
  if (note) means.log.info({ taskUUID: claim.taskUUID }, note);
  const stages = stagesOf(task, means.safety, pictures);
  const showPreview = createPreviews(claim);
  for (const { from, seed, count } of runsOf(claim.seed, first, task.numberResults)) {
    const plan = { drawing: { ...drawing, seed, count }, stages, maxPixels };
    means.spans.at("load");
    const drawn = means.engine.draw(model.folder, plan, {
      signal,
      previews: claim.previewsWanted,
      onStage: means.spans.at,
      onWarning: (message) => means.log.warn({ taskUUID: claim.taskUUID }, message),
      onStep({ image, step, steps, share, preview }) {
        onStep();
        const percentage = Math.floor((100 * (from + image + share)) / task.numberResults);
        claim.report({ image: from + image, images: task.numberResults, step, steps, percentage });
        if (preview) showPreview(preview, { image: from + image, step, steps });
      },
      onImage(image, index, findings) {
        means.spans.picture();
        return record(claim, model, { image, index: from + index, findings, parents }, means);
      },
    });
    await measured(means.metrics, "draw", () => drawn).catch((error) => {
      if (!(error instanceof PictureRefused)) throw error;
      throw new TaskError("nsfwContentDetected", { result: from + error.index + 1 });
    });
  }
}

/**
 * Splits images into runs of the engine. The engine counts seeds upwards, but result seeds wrap around at the largest
 * seed.
 */
function runsOf(seed: bigint, first: number, total: number): { from: number; seed: bigint; count: number }[] {
  const count = total - first;
  if (seed + BigInt(total - 1) <= MAX_SEED) return [{ from: first, seed: seed + BigInt(first), count }];
  return Array.from({ length: count }, (_, i) => ({ from: first + i, seed: resultSeed(seed, first + i), count: 1 }));
}

/** A generated image of a task. */
interface Drawn {
  readonly image: GeneratedImage;
  readonly index: number;
  readonly findings: Findings;
  /** The stored input images. */
  readonly parents: readonly string[];
}

async function record(
  claim: ClaimOf<ImageInferenceTask>,
  model: Model,
  { image, index, findings, parents }: Drawn,
  means: DrawMeans,
): Promise<void> {
  const { task } = claim;
  noteFindings(claim, index, findings, means);
  const seed = resultSeed(claim.seed, index);
  const { skippedSteps } = image;
  const cost = costPerPicture(model.card.price, task);
  const facts = { index, seed, cost, NSFWContent: findings.NSFWContent, skippedSteps, parents };
  const metadata = { parameters: pictureRecord(task, model.card, seed), skippedSteps };
  await storeResult(claim, image, metadata, facts, means);
}

function noteFindings(
  { taskUUID }: Claim,
  index: number,
  { faces, safety }: Findings,
  { log, metrics }: DrawMeans,
): void {
  if (faces !== undefined) metrics.faces(faces);
  if (safety) metrics.checked(safety);
  if (faces !== undefined || safety) log.info({ taskUUID, index, faces, safety }, "image finished");
}

async function loadPictures(
  { owner, task }: ClaimOf<ImageInferenceTask>,
  store: ImageReferences,
  signal: AbortSignal,
): Promise<{ readonly pictures: TaskPictures; readonly parents: readonly string[] }> {
  const parents = new Set<string>();
  const load = async (reference: string | undefined, parameter: string) => {
    if (reference === undefined) return undefined;
    const { picture, imageUUID } = await store.loadPicture(owner, reference, parameter, signal);
    if (imageUUID !== undefined) parents.add(imageUUID);
    return picture;
  };
  const seedImage = await load(task.inputs?.seedImage, "inputs.seedImage");
  const maskImage = await load(task.inputs?.maskImage, "inputs.maskImage");
  const references: RgbImage[] = [];
  for (const [i, reference] of (task.inputs?.referenceImages ?? []).entries()) {
    references.push((await load(reference, `inputs.referenceImages.${i}`))!);
  }
  const watermarkImage = await load(task.advancedFeatures?.watermark?.image, "advancedFeatures.watermark.image");
  const guides: RgbImage[] = [];
  for (const [i, { guideImage }] of (task.controlNet ?? []).entries()) {
    guides.push((await load(guideImage, `controlNet.${i}.guideImage`))!);
  }
  const pictures = {
    references,
    guides,
    seedImage,
    watermarkImage,
    maskImage: maskImage && maskFromPicture(maskImage),
  };
  return { pictures, parents: [...parents] };
}
