/** Tasks that make one image from another. */

import { type EngineProcess, guideFromTask, sideRecord, traceImage } from "../../drawing/index.ts";
import { type DecodedImage, onWhite } from "../../pictures/index.ts";
import type { ImageInferenceTask, PictureTask } from "../../protocol/index.ts";
import type { ImageFacts, ImageReferences } from "../storage/index.ts";
import type { Claim } from "../tasks/index.ts";
import { measured } from "./metrics.ts";
import { type ClaimOf, type Made, type StoreMeans, storeResult } from "./store-result.ts";

/** The dependencies of these tasks. */
export interface SideMeans extends StoreMeans {
  readonly engine: Pick<EngineProcess, "makeGuide" | "upscale">;
  readonly references: ImageReferences;
  /** Stores an image of the client, so that later tasks can name it. */
  keepInput(owner: string, bytes: Uint8Array, facts: ImageFacts): Promise<{ readonly imageUUID: string }>;
}

type SideTask = Exclude<PictureTask, ImageInferenceTask>;

export const isSideTask = (claim: Claim): claim is ClaimOf<SideTask> =>
  (claim.task as PictureTask).taskType !== "imageInference";

/** The price of these tasks: no model generates anything. */
const COST = 0;

/** Makes the image of a task, unless an earlier attempt has recorded it. */
export async function sideTask(
  claim: ClaimOf<SideTask>,
  means: SideMeans,
  signal: AbortSignal,
  onStep: () => void,
): Promise<void> {
  const { task, owner } = claim;
  if (claim.finished.length > 0) {
    await means.patiently(() => claim.succeed());
    return;
  }
  const [reference, parameter] =
    task.taskType === "controlNetPreprocess" ? [task.inputImage, "inputImage"] : [task.inputs.image, "inputs.image"];
  const { bytes, picture, imageUUID } = await measured(means.metrics, "inputs", () =>
    means.references.loadPicture(owner, reference, parameter, signal),
  );
  const made = await measured(means.metrics, "draw", () => make(claim, picture, means, signal, onStep));
  const inputImageUUID = imageUUID ?? (await means.patiently(() => means.keepInput(owner, bytes, picture))).imageUUID;
  const facts = { index: 0, seed: claim.seed, cost: COST, inputImageUUID, parents: imageUUID ? [imageUUID] : [] };
  await storeResult(claim, made, { parameters: sideRecord(task) }, facts, means);
}

async function make(
  { task, report }: ClaimOf<SideTask>,
  picture: DecodedImage,
  { engine }: SideMeans,
  signal: AbortSignal,
  onStep: () => void,
): Promise<Made> {
  if (task.taskType === "controlNetPreprocess") {
    const { picture: fitted, filter } = await guideFromTask(task, picture);
    return engine.makeGuide(fitted, filter, signal);
  }
  if (task.taskType === "vectorize") return { ...onWhite(picture), shapes: await traceImage(picture, { signal }) };
  return engine.upscale(onWhite(picture), task.upscaleFactor as 2 | 3 | 4, {
    signal,
    onStep({ step, steps, share }) {
      onStep();
      report({ image: 0, images: 1, step, steps, percentage: Math.floor(100 * share) });
    },
  });
}
