import { type EngineProcess, guideFromTask, guideRecord } from "../../drawing/index.ts";
import { type ControlNetPreprocessTask, isUuidV4 } from "../../protocol/index.ts";
import type { ImageFacts, ImageReferences } from "../storage/index.ts";
import { measured } from "./metrics.ts";
import { type ClaimOf, type StoreMeans, storeResult } from "./store-result.ts";

/** What making a guide image needs. */
export interface PreprocessMeans extends StoreMeans {
  readonly engine: Pick<EngineProcess, "makeGuide">;
  readonly references: ImageReferences;
  /** Keeps a picture that a client brought, so that it can be named again. */
  keepInput(owner: string, bytes: Uint8Array, facts: ImageFacts): Promise<{ readonly imageUUID: string }>;
}

/** Nothing is drawn, so there is no model whose price it could have. */
const COST = 0;

/** Makes the guide image of a task, unless an earlier attempt has recorded it. */
export async function preprocessTask(
  claim: ClaimOf<ControlNetPreprocessTask>,
  means: PreprocessMeans,
  signal: AbortSignal,
): Promise<void> {
  const { task, owner } = claim;
  if (claim.finished.length > 0) {
    await means.patiently(() => claim.succeed());
    return;
  }
  const { bytes, picture } = await measured(means.metrics, "inputs", () =>
    means.references.loadPicture(owner, task.inputImage, "inputImage", signal),
  );
  const guide = await measured(means.metrics, "draw", async () => {
    const { picture: fitted, filter } = await guideFromTask(task, picture);
    return means.engine.makeGuide(fitted, filter, signal);
  });
  const inputImageUUID = isUuidV4(task.inputImage)
    ? task.inputImage
    : (await means.patiently(() => means.keepInput(owner, bytes, picture))).imageUUID;
  const facts = { index: 0, seed: claim.seed, cost: COST, inputImageUUID };
  await storeResult(claim, guide, { parameters: guideRecord(task) }, facts, means);
}
