import { lstat, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { type ModelCardInput, parseCard, writeCard } from "./card.ts";
import { ModelError } from "./errors.ts";
import { requireFree } from "./free-air.ts";
import { partsOfCheckpoint, removeUnusedParts, sweepAbandoned } from "./import/part-store.ts";
import type { ModelLocations } from "./locations.ts";
import { listModels, type Model, modelInFolder } from "./registry.ts";

/** What `addModel` may say of a checkpoint; the rest comes from its own card, or from the defaults. */
export interface Naming {
  /** `source:id@version`. */
  readonly air: string;
  readonly name?: string | undefined;
  /** What a folder without a name and a card of its own is called. Default: the folder's name. */
  readonly folderName?: string;
}

/**
 * Registers a checkpoint folder under an AIR. The weights stay where they are: only a card that points to them is written.
 * @throws ModelError `notACheckpoint`, `alreadyInstalled` or `invalidCard`
 */
export async function addModel(
  folder: string,
  naming: Naming,
  { modelsDir, bundledDir }: ModelLocations,
): Promise<Model> {
  const found = await modelInFolder(folder, naming.folderName);
  const { aliases, ...rest } = found.card;
  const card: ModelCardInput = {
    ...rest,
    aliases: aliases.filter((alias) => alias !== naming.air),
    air: naming.air,
    name: naming.name ?? found.card.name,
    checkpoint: found.folder,
  };
  const checked = parseCard(card, folder);
  await requireFree(naming.air, { modelsDir, bundledDir });
  const registration = join(modelsDir, naming.air.replace(":", "+"));
  await writeCard(registration, card);
  return { card: checked, folder: found.folder, origin: "installed", registration };
}

/**
 * Forgets an installed model. Its checkpoint stays where it is, unless it was converted into the models directory: then the components go
 * that no other model uses. One whose own files lie inside its folder of the models directory is refused.
 * @returns the model, and the folders that were deleted
 * @throws ModelError `unknownModel` or `notRemovable`
 */
export async function removeModel(
  air: string,
  locations: ModelLocations,
): Promise<{ readonly model: Model; readonly deleted: readonly string[] }> {
  const models = await listModels(locations);
  const model = models.find(({ card }) => card.air === air);
  if (!model) {
    const installed = models.filter(({ origin }) => origin === "installed").map(({ card }) => card.air);
    throw new ModelError("unknownModel", `model is "${air}"; installed are ${installed.join(", ") || "none"}`);
  }
  if (model.origin !== "installed") {
    throw new ModelError("notRemovable", `${air} came with the package and cannot be removed`);
  }
  const registration = model.registration!;
  const isMade = await isMadeHere(model.folder);
  if (!isMade && !relative(registration, model.folder).startsWith("..")) {
    throw new ModelError(
      "notRemovable",
      `${air} keeps its weights in ${model.folder}: delete that folder to remove it`,
    );
  }
  const parts = await partsOfCheckpoint(locations.modelsDir, registration);
  await rm(registration, { recursive: true });
  await sweepAbandoned(locations.modelsDir);
  return { model, deleted: await removeUnusedParts(locations.modelsDir, parts) };
}

/** Whether a checkpoint's components are links, as those of checkpoints are that were made here. */
async function isMadeHere(folder: string): Promise<boolean> {
  return lstat(join(folder, "transformer")).then(
    (entry) => entry.isSymbolicLink(),
    () => false,
  );
}
