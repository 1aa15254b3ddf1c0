import { lstat, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { type ModelCardInput, parseCard, writeCard } from "../card.ts";
import { ModelError } from "../errors.ts";
import { partsOfCheckpoint, removeUnusedParts, sweepAbandoned } from "../import/part-store.ts";
import type { ModelLocations } from "../locations.ts";
import { listModels, type Model, modelInFolder } from "../registry.ts";
import { requireFree } from "./free-air.ts";

/** Names for `addModel`. Other values come from the checkpoint's card, or are defaults. */
export interface Naming {
  /** `source:id@version`. */
  readonly air: string;
  readonly name?: string | undefined;
  /** Name of a folder without a name or card. Default: the folder's name. */
  readonly folderName?: string;
}

/**
 * Registers a checkpoint folder under an AIR. The weights stay in their place: it writes only a card that points to them.
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
 * Removes a model from the list. Its checkpoint stays in its place. If it was converted into the models directory, components that no other
 * model uses are deleted. A model with its files beside its card is refused.
 * @returns the model, and the deleted folders
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
    throw new ModelError("unknownModel", `model is "${air}"; installed models: ${installed.join(", ") || "none"}`);
  }
  if (model.origin !== "installed") {
    throw new ModelError("notRemovable", `${air} is included in the package and cannot be removed`);
  }
  const registration = model.registration!;
  const isMade = await isMadeHere(model.folder);
  if (!isMade && !relative(registration, model.folder).startsWith("..")) {
    throw new ModelError(
      "notRemovable",
      `${air} keeps its weights in ${model.folder}; delete that folder to remove it`,
    );
  }
  const parts = await partsOfCheckpoint(locations.modelsDir, registration);
  await rm(registration, { recursive: true });
  await sweepAbandoned(locations.modelsDir);
  return { model, deleted: await removeUnusedParts(locations.modelsDir, parts) };
}

/** True when the components of a checkpoint are links, as in checkpoints made by Inkstone. */
async function isMadeHere(folder: string): Promise<boolean> {
  return lstat(join(folder, "transformer")).then(
    (entry) => entry.isSymbolicLink(),
    () => false,
  );
}
