import { randomUUID } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ModelCard, readCard, writeCard } from "../card.ts";
import { ModelError } from "../errors.ts";
import { requireFree } from "../install/free-air.ts";
import type { ModelLocations } from "../locations.ts";
import type { Model } from "../registry.ts";
import { partsOfCheckpoint, removeUnusedParts, SOURCE } from "./part-store.ts";

/**
 * The card of an earlier download with this AIR from the same source.
 * @returns undefined when the AIR is free
 * @throws ModelError `alreadyInstalled` when another model has it
 */
export async function requireFreeFor(
  air: string,
  source: string | undefined,
  locations: ModelLocations,
): Promise<ModelCard | undefined> {
  const registration = registrationOf(air, locations);
  const written = await readFile(join(registration, SOURCE), "utf8").catch(() => undefined);
  if (source !== undefined && written === JSON.stringify(source)) {
    const card = await readCard(join(registration, "card.json"));
    if (card) return card;
  }
  await requireFree(air, locations);
  return undefined;
}

/** A finished checkpoint that is not registered yet. */
interface Finished {
  /** Folder inside the models directory. It contains `checkpoint`. */
  readonly staging: string;
  readonly card: ModelCard;
  readonly source: string | undefined;
  /** The card of the checkpoint that it replaces. */
  readonly earlier: ModelCard | undefined;
}

/**
 * Registers a finished checkpoint, or replaces the earlier one. Each is one rename, so a process that is killed leaves the earlier
 * checkpoint or the new one, complete.
 * @throws ModelError `alreadyInstalled` if another process has taken the AIR
 */
export async function putInPlace(
  { staging, card, source, earlier }: Finished,
  locations: ModelLocations,
): Promise<Model> {
  const registration = registrationOf(card.air, locations);
  if (earlier) return replace(join(staging, "checkpoint"), registration, { card, earlier }, locations);
  const placed = { ...card, checkpoint: "checkpoint" };
  await writeCard(staging, placed);
  if (source !== undefined) await writeFile(join(staging, SOURCE), JSON.stringify(source));
  await requireFree(card.air, locations); // another process may have taken it during the conversion
  await rename(staging, registration).catch((cause) => {
    throw new ModelError(
      "alreadyInstalled",
      `${card.air} cannot be moved to ${registration}, which exists: ${cause.message}`,
      { cause },
    );
  });
  return modelAt(registration, placed);
}

/** The new checkpoint gets a new name beside the earlier one. The renamed card points to it. Then the earlier one is deleted. */
async function replace(
  finished: string,
  registration: string,
  { card, earlier }: { readonly card: ModelCard; readonly earlier: ModelCard },
  { modelsDir }: ModelLocations,
): Promise<Model> {
  const parts = await partsOfCheckpoint(modelsDir, registration);
  const checkpoint = `checkpoint-${randomUUID().slice(0, 8)}`;
  const placed = { ...card, checkpoint };
  await rename(finished, join(registration, checkpoint));
  try {
    await writeCard(registration, placed);
  } catch (error) {
    await rm(join(registration, checkpoint), { recursive: true, force: true });
    throw error;
  }
  await rm(join(registration, earlier.checkpoint), { recursive: true, force: true });
  await removeUnusedParts(modelsDir, parts);
  return modelAt(registration, placed);
}

const registrationOf = (air: string, { modelsDir }: ModelLocations): string => join(modelsDir, air.replace(":", "+"));

const modelAt = (registration: string, card: ModelCard): Model => ({
  card,
  folder: join(registration, card.checkpoint),
  origin: "installed",
  registration,
});
