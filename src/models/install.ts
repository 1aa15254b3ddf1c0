import { rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { type ModelCardInput, parseCard } from "./card.ts";
import { ModelError } from "./errors.ts";
import { requireFree } from "./free-air.ts";
import type { ModelLocations } from "./locations.ts";
import { listModels, type Model, modelInFolder } from "./registry.ts";
import { writeCard } from "./write-card.ts";

/** What `addModel` may say of a checkpoint; the rest comes from its own card, or from the defaults. */
export interface Naming {
  /** `source:id@version`. */
  readonly air: string;
  readonly name?: string;
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
 * Forgets an installed model; its checkpoint stays. One that lies inside its own folder of the models directory is refused: weights are
 * never deleted from here.
 * @throws ModelError `unknownModel` or `notRemovable`
 */
export async function removeModel(air: string, locations: ModelLocations): Promise<Model> {
  const models = await listModels(locations);
  const model = models.find(({ card }) => card.air === air);
  if (!model) {
    const installed = models.filter(({ origin }) => origin === "installed").map(({ card }) => card.air);
    throw new ModelError("unknownModel", `model is "${air}"; installed are ${installed.join(", ") || "none"}`);
  }
  if (model.origin !== "installed") {
    throw new ModelError("notRemovable", `${air} came with the package and cannot be removed`);
  }
  if (!relative(model.registration!, model.folder).startsWith("..")) {
    throw new ModelError(
      "notRemovable",
      `${air} keeps its weights in ${model.folder}: delete that folder to remove it`,
    );
  }
  await rm(model.registration!, { recursive: true });
  return model;
}
