import { cp, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { checkCheckpoint, LoraFileError } from "../../engine/index.ts";
import { CheckpointError } from "../../weights/index.ts";
import { parseCard } from "../card.ts";
import { ModelError } from "../errors.ts";
import type { Download, Repository } from "../hub/index.ts";
import { addModel, type Naming } from "../install/model.ts";
import type { ModelLocations } from "../locations.ts";
import type { Model } from "../registry.ts";
import type { Component } from "./component-folder.ts";
import { type ConversionProgress, convertPieces } from "./convert-pieces.ts";
import { bytesToConvert, requireRoom } from "./disk-room.ts";
import { requireCompanions } from "./from-files.ts";
import { gatherCheckpoint } from "./gather.ts";
import { gatherRepository, modeFor, type RepositoryChoices } from "./gather-repository.ts";
import type { CheckpointFiles, Ingredients } from "./ingredients.ts";
import { AIRS, knownCheckpoint } from "./members.ts";
import { emptyParts, removeUnusedParts, stagingFolder, storedPart, sweepAbandoned } from "./part-store.ts";
import { type OpenPiece, openUnconverted, type Piece } from "./pieces.ts";
import { putInPlace, requireFreeFor } from "./put-in-place.ts";

/** Callbacks of adding a checkpoint, and its signal. */
export interface AddHooks {
  readonly signal?: AbortSignal | undefined;
  onProgress?(progress: ConversionProgress): void;
  /** Called for LoRAs with keys that fit no layer. */
  warn?(message: string): void;
}

/**
 * Registers a checkpoint from files of any supported format. It checks everything before converting, and again before registering. A
 * checkpoint that the engine cannot run is refused, and nothing of it remains.
 *
 * A folder in diffusers layout stays in its place if its weights can be read there. For everything else it makes a checkpoint in the models
 * directory. Components are converted once and shared between checkpoints. Repeat an interrupted conversion to continue it.
 *
 * @param naming without an AIR, the vendor's AIR of the member is used: `runware:108@1` for Qwen-Image
 * @throws ModelError `notACheckpoint` naming the fault, `alreadyInstalled` or `invalidCard`
 * @throws the signal's reason
 */
export async function addCheckpoint(
  files: CheckpointFiles,
  { air: given, ...naming }: Omit<Naming, "air"> & { readonly air?: string | undefined },
  locations: ModelLocations,
  hooks: AddHooks = {},
): Promise<Model> {
  if (given !== undefined) await requireFreeFor(given, files.source, locations);
  return asModelError(async () => {
    const ingredients = await gatherCheckpoint(files, hooks.warn);
    const air = given ?? AIRS[ingredients.member];
    try {
      if (!("inPlace" in ingredients)) return await make(ingredients, { ...naming, air }, locations, hooks);
      await checkCheckpoint(ingredients.inPlace);
      return await addModel(ingredients.inPlace, { ...naming, air }, locations);
    } finally {
      ingredients.close();
    }
  });
}

/**
 * Checks the files and the base that complete a transformer, before its own file is downloaded.
 * @param bytes size of that file
 * @throws ModelError `notACheckpoint` naming the fault
 */
export function requireCompleted(files: CheckpointFiles, bytes: number): Promise<void> {
  return asModelError(() => requireCompanions(files, bytes));
}

/**
 * Checks that the engine can run the checkpoint in a folder.
 * @throws ModelError `notACheckpoint` naming the fault
 */
export function requireDrawable(folder: string): Promise<void> {
  return asModelError(() => checkCheckpoint(folder));
}

/**
 * Downloads a checkpoint in diffusers layout from the hub and converts each shard as it arrives. The disk holds the result and one shard.
 * A repeated pull updates it and keeps its card, except for a new name.
 * @param download is deleted when the checkpoint is registered
 * @throws ModelError as `addCheckpoint` does, and Error for a failed download
 */
export async function addRepository(
  repository: Repository,
  download: Download,
  choices: RepositoryChoices,
  naming: Naming,
  locations: ModelLocations,
  hooks: AddHooks = {},
): Promise<Model> {
  return asModelError(async () => {
    const mode = choices.mode ?? modeFor(repository);
    const ingredients = await gatherRepository(repository, download, { ...choices, mode }, hooks.warn);
    const model = await make(ingredients, naming, locations, hooks);
    await download.discard();
    return model;
  });
}

/** Builds the checkpoint in a folder beside its place, converts its parts, and moves it there. */
async function make(
  ingredients: Ingredients,
  naming: Naming,
  locations: ModelLocations,
  hooks: AddHooks,
): Promise<Model> {
  const { modelsDir } = locations;
  await sweepAbandoned(modelsDir);
  const staging = stagingFolder(modelsDir);
  const folder = join(staging, "checkpoint");
  await mkdir(folder, { recursive: true });
  const begun: string[] = [];
  let unneeded: readonly string[] = [];
  try {
    const earlier = await requireFreeFor(naming.air, ingredients.source, locations);
    const card = earlier ?? {
      ...(ingredients.isLarge && knownCheckpoint(ingredients.title, ingredients.member)),
      ...ingredients.card,
      air: naming.air,
      name: naming.name ?? ingredients.card.name ?? naming.folderName ?? ingredients.title,
    };
    const checked = parseCard(naming.name === undefined ? card : { ...card, name: naming.name }, ingredients.title);
    await writeConfigs(ingredients, folder);
    const places = new Map<Component, Place>();
    for (const piece of ingredients.pieces) {
      const place = await placeOf(piece, modelsDir);
      if (!place.complete) begun.push(place.folder);
      places.set(piece.component, place);
      await link(place.folder, join(folder, piece.component));
    }
    await checkCheckpoint(folder, openUnconverted(ingredients.pieces));
    const open = openPieces(ingredients.pieces, places);
    await requireRoom(await bytesToConvert(open), modelsDir);
    await convertPieces(open, hooks);
    await checkCheckpoint(folder);
    return await putInPlace({ staging, card: checked, source: ingredients.source, earlier }, locations);
  } catch (error) {
    // Bad files make the converted parts useless. After an abort, a broken connection or a full disk, the next attempt continues with them.
    unneeded = isRefusal(error) ? begun : await emptyParts(begun);
    throw error;
  } finally {
    await rm(staging, { recursive: true, force: true });
    await removeUnusedParts(modelsDir, unneeded);
  }
}

interface Place {
  readonly folder: string;
  readonly complete: boolean;
}

async function placeOf(piece: Piece, modelsDir: string): Promise<Place> {
  if (piece.folder !== undefined) return { folder: piece.folder, complete: true };
  return storedPart(modelsDir, piece);
}

/** Links inside the models directory are relative, so that you can move it. */
async function link(target: string, path: string): Promise<void> {
  const inside = dirname(dirname(dirname(path)));
  const place = target.startsWith(join(inside, "/")) ? relative(dirname(path), target) : target;
  await symlink(place, path, process.platform === "win32" ? "junction" : "dir");
}

/** The pieces that are not converted yet, and the folders of their results. */
function openPieces(pieces: readonly Piece[], places: ReadonlyMap<Component, Place>): OpenPiece[] {
  return pieces.flatMap((piece) => {
    const { folder, complete } = places.get(piece.component)!;
    return piece.folder !== undefined || complete ? [] : [{ piece, folder }];
  });
}

async function writeConfigs({ configs, copies }: Ingredients, folder: string): Promise<void> {
  for (const from of copies) await cp(from, join(folder, basename(from)), { recursive: true, dereference: true });
  for (const [path, config] of Object.entries(configs)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), `${JSON.stringify(config, undefined, 2)}\n`);
  }
}

/** True for an error that a repeated attempt gives again: the files or the name cannot be used. */
function isRefusal(error: unknown): boolean {
  return error instanceof CheckpointError || error instanceof LoraFileError || error instanceof ModelError;
}

async function asModelError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof CheckpointError || error instanceof LoraFileError)) throw error;
    throw new ModelError("notACheckpoint", error.message, { cause: error });
  }
}
