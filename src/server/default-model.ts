import { CheckpointError, requireLoadable } from "../engine/index.ts";
import { DEFAULT_MODEL, type InstalledModels, ModelError } from "../models/index.ts";
import { isMirrored } from "../models/shared/index.ts";

/** Milliseconds that are independent of the system clock. */
const monotonic = (): number => performance.now();

/** Shortest interval between two checks of a checkpoint. */
const FRESH_MS = 10_000;

/**
 * The reason why the default model cannot generate; undefined if it can, or if its weights are in the bucket and can be
 * downloaded.
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
