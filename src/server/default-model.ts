import { CheckpointError, requireLoadable } from "../engine/index.ts";
import { DEFAULT_MODEL, type InstalledModels, isMirrored, ModelError } from "../models/index.ts";

/** Milliseconds that no setting of the clock changes. */
const monotonic = (): number => performance.now();

/** A checkpoint is looked at this often at most. */
const FRESH_MS = 10_000;

/**
 * Why the default model could not be drawn with; undefined where it could, or where its weights are in the bucket and come when they are
 * needed.
 */
export function defaultModelTrouble(models: Pick<InstalledModels, "find">, now: () => number = monotonic) {
  let looked: { readonly at: number; readonly trouble: Promise<string | undefined> } | undefined;
  return (): Promise<string | undefined> => {
    if (looked === undefined || now() - looked.at > FRESH_MS) looked = { at: now(), trouble: look(models) };
    return looked.trouble;
  };
}

async function look(models: Pick<InstalledModels, "find">): Promise<string | undefined> {
  try {
    const { folder, registration } = await models.find(DEFAULT_MODEL);
    if (registration !== undefined && isMirrored(registration)) return undefined;
    await requireLoadable(folder);
    return undefined;
  } catch (error) {
    if (error instanceof CheckpointError || error instanceof ModelError) return `${DEFAULT_MODEL}: ${error.message}`;
    throw error;
  }
}
