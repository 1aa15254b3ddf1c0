import type { EngineProcess } from "../../drawing/index.ts";
import {
  type Drawing,
  drawFinished,
  drawingFromTask,
  type Engine,
  type Findings,
  type FinishingMeans,
  findAdapters,
  maskFromPicture,
  pictureRecord,
  stagesOf,
  type TaskPictures,
} from "../../drawing/index.ts";
import type { GeneratedImage } from "../../engine/index.ts";
import { type Adapter, type AdapterKind, costPerPicture, type Model, planSize } from "../../models/index.ts";
import type { RgbImage } from "../../pictures/index.ts";
import { type ImageInferenceTask, MAX_SEED, resultSeed } from "../../protocol/index.ts";
import type { ImageReferences } from "../storage/index.ts";
import type { Claim } from "../tasks/index.ts";
import { measured } from "./metrics.ts";
import { type ClaimOf, type StoreMeans, storeResult } from "./store-result.ts";

/** What drawing a task needs. */
export interface DrawMeans extends StoreMeans {
  readonly engine: Pick<EngineProcess, "generate">;
  findModel(air: string): Promise<Model>;
  /** LoRAs and ControlNets. Absent: there are none. */
  findAdapter?(air: string, kind: AdapterKind): Promise<Adapter>;
  readonly references: ImageReferences;
  readonly finishing: FinishingMeans;
  readonly log: { info(facts: object, message: string): void; warn(facts: object, message: string): void };
}

/** Draws what is still missing of a task; each picture is stored and recorded while the next one is drawn. */
export async function drawTask(
  claim: ClaimOf<ImageInferenceTask>,
  means: DrawMeans,
  signal: AbortSignal,
  onStep: () => void,
): Promise<void> {
  const { task } = claim;
  const model = await means.findModel(task.model);
  const first = claim.finished.length; // recorded in order, so the finished ones are the first ones
  if (first >= task.numberResults) {
    await means.patiently(() => claim.succeed());
    return;
  }
  const pictures = await measured(means.metrics, "inputs", () => loadPictures(claim, means.references, signal));
  const { maxPixels } = model.card;
  const { note } = planSize(task, maxPixels);
  if (note) means.log.info({ taskUUID: claim.taskUUID }, note);

  const adapters = await findAdapters(task, means.findAdapter);
  const drawing = drawingFromTask(task, claim.seed, model.card.defaults, pictures, adapters);
  const stages = stagesOf(task, means.finishing);
  for (const run of runsOf(claim.seed, first, task.numberResults)) {
    const recording = inOrder();
    await measured(means.metrics, "draw", () =>
      drawFinished(engineFor(model, means, recording), { ...drawing, ...run } satisfies Drawing, stages, {
        ...(maxPixels !== undefined && { maxPixels }),
        signal,
        onWarning: (message) => means.log.warn({ taskUUID: claim.taskUUID }, message),
        onStep(image, { step, steps, share }) {
          onStep();
          claim.report({
            image: run.from + image,
            images: task.numberResults,
            step,
            steps,
            percentage: Math.floor((100 * (run.from + image + share)) / task.numberResults),
          });
        },
        onImage: (image, index, findings) => record(claim, model, image, run.from + index, findings, means),
      }),
    );
  }
}

/**
 * Pictures that one run of the engine can draw: it counts seeds upwards, which result seeds do too, except where they
 * wrap around at the largest one.
 */
function runsOf(seed: bigint, first: number, total: number): { from: number; seed: bigint; count: number }[] {
  const count = total - first;
  if (seed + BigInt(total - 1) <= MAX_SEED) return [{ from: first, seed: seed + BigInt(first), count }];
  return Array.from({ length: count }, (_, i) => ({ from: first + i, seed: resultSeed(seed, first + i), count: 1 }));
}

/** The engine with its checkpoint chosen; done when its pictures have been dealt with too, stopped by one that cannot be. */
function engineFor(model: Model, { engine }: DrawMeans, dealing: ReturnType<typeof inOrder>): Engine {
  return {
    async generate(params, hooks) {
      const drawing = engine.generate(model.folder, params, {
        ...(hooks.onStep && { onStep: (step) => hooks.onStep?.(step) }),
        signal: AbortSignal.any([dealing.failed, ...(hooks.signal ? [hooks.signal] : [])]),
        ...(hooks.onWarning && { onWarning: (message: string) => hooks.onWarning?.(message) }),
        onImage: (image, index) => dealing.add(async () => hooks.onImage?.(image, index)),
      });
      const images = await drawing.catch((error) => {
        dealing.failed.throwIfAborted(); // whatever the engine says, this came first
        throw error;
      });
      await dealing.done();
      return images;
    },
  };
}

/** Work done piece by piece in the order it was added; the first failure ends it, aborts `failed` and is told by `done`. */
function inOrder() {
  const failing = new AbortController();
  let chain: Promise<unknown> = Promise.resolve();
  return {
    add(work: () => Promise<unknown>): void {
      chain = chain.then(work);
      chain.catch((error) => failing.abort(error));
    },
    failed: failing.signal,
    done: () => chain,
  };
}

async function record(
  claim: ClaimOf<ImageInferenceTask>,
  model: Model,
  image: GeneratedImage,
  index: number,
  findings: Findings,
  means: DrawMeans,
): Promise<void> {
  const { task } = claim;
  noteFindings(claim, index, findings, means);
  const seed = resultSeed(claim.seed, index);
  const skipped = image.skippedSteps !== undefined && { skippedSteps: image.skippedSteps };
  const facts = {
    index,
    seed,
    cost: costPerPicture(model.card.price, task),
    ...(findings.NSFWContent !== undefined && { NSFWContent: findings.NSFWContent }),
    ...skipped,
  };
  const metadata = { parameters: pictureRecord(task, model.card, seed), ...skipped };
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
  if (faces !== undefined || safety) log.info({ taskUUID, index, faces, safety }, "picture finished");
}

async function loadPictures(
  { owner, task }: ClaimOf<ImageInferenceTask>,
  references: ImageReferences,
  signal: AbortSignal,
): Promise<TaskPictures> {
  const load = async (reference: string | undefined, parameter: string) => {
    if (reference === undefined) return undefined;
    const { picture } = await references.loadPicture(owner, reference, parameter, signal);
    return picture;
  };
  const seedImage = await load(task.inputs?.seedImage, "inputs.seedImage");
  const maskImage = await load(task.inputs?.maskImage, "inputs.maskImage");
  const guides: RgbImage[] = [];
  for (const [i, { guideImage }] of (task.controlNet ?? []).entries()) {
    guides.push((await load(guideImage, `controlNet.${i}.guideImage`))!);
  }
  return { guides, ...(seedImage && { seedImage }), ...(maskImage && { maskImage: maskFromPicture(maskImage) }) };
}
