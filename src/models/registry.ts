import { access, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { isAdapterCard } from "./adapter-card.ts";
import { airPattern, type ModelCard, parseCard, readCard, readCardJson } from "./card.ts";
import { ModelError } from "./errors.ts";
import { foldersIn, type ModelLocations } from "./locations.ts";

/** A model that tasks can name. */
export interface Model {
  readonly card: ModelCard;
  /** Its checkpoint in diffusers layout, absolute. */
  readonly folder: string;
  /** Included in the package, installed in the models directory, or named by its path. */
  readonly origin: "bundled" | "installed" | "folder";
  /** Folder of its card in the models directory; only for an installed model. */
  readonly registration?: string;
}

/**
 * All models: the installed ones by folder name, then the one of the package.
 * @throws ModelError `invalidCard`
 */
export async function listModels({ modelsDir, bundledDir }: ModelLocations): Promise<Model[]> {
  const models: Model[] = [];
  for (const name of await foldersIn(modelsDir)) {
    const registration = join(modelsDir, name);
    const source = join(registration, "card.json");
    const json = await readCardJson(source);
    if (json !== undefined && !isAdapterCard(json)) {
      const card = parseCard(json, source);
      models.push({ card, folder: resolve(registration, card.checkpoint), origin: "installed", registration });
    }
  }
  const bundled = await readCard(join(bundledDir, "card.json"));
  if (bundled) models.push({ card: bundled, folder: resolve(bundledDir, bundled.checkpoint), origin: "bundled" });
  return models;
}

/** The model of a task that names none, where a model may be left out. */
export const DEFAULT_MODEL = "runware:108@1";

/**
 * The model of an AIR. An AIR has priority over an alias, an installed model over that of the package. So `runware:108@1` is the bundled
 * checkpoint until one is installed under that name.
 * @throws ModelError `unknownModel` listing the known models
 */
export function modelNamed(air: string, models: readonly Model[]): Model {
  const found = models.find(({ card }) => card.air === air) ?? models.find(({ card }) => card.aliases.includes(air));
  if (found) return found;
  const known = models.flatMap(({ card }) => [card.air, ...card.aliases]);
  throw new ModelError("unknownModel", `model is "${air}"; known models: ${[...new Set(known)].join(", ") || "none"}`);
}

/**
 * Opens a checkpoint folder that need not be installed. It uses its `card.json` if it exists, otherwise the name `name`.
 * @throws ModelError `notACheckpoint` or `invalidCard`
 */
export async function modelInFolder(path: string, name?: string): Promise<Model> {
  const folder = resolve(path);
  const card = (await readCard(join(folder, "card.json"))) ?? parseCard(unnamedCard(folder, name), folder);
  const checkpoint = resolve(folder, card.checkpoint);
  await requireCheckpoint(checkpoint);
  return { card, folder: checkpoint, origin: "folder" };
}

/**
 * Finds a model by AIR or by the path of its folder. A name that looks like an AIR is one, unless a folder has that path.
 * @throws ModelError `unknownModel`, `notACheckpoint` or `invalidCard`
 */
export async function findModel(name: string, locations: ModelLocations): Promise<Model> {
  const isFolder = await stat(name).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  if (isFolder) return modelInFolder(name);
  if (airPattern.test(name)) return modelNamed(name, await listModels(locations));
  throw new ModelError("unknownModel", `model is "${name}", which is neither a folder nor an AIR (source:id@version)`);
}

/** @throws ModelError `notACheckpoint` when the folder has no `model_index.json` */
async function requireCheckpoint(folder: string): Promise<void> {
  await access(join(folder, "model_index.json")).catch(() => {
    throw new ModelError(
      "notACheckpoint",
      `${folder} is not a checkpoint: it has no model_index.json. Name a folder in diffusers layout`,
    );
  });
}

function unnamedCard(folder: string, name = basename(folder) || "checkpoint") {
  return { air: `local:${name.replace(/[^\w.-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "") || "checkpoint"}@1`, name };
}
