import { randomUUID } from "node:crypto";
import { cp, mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { checkCheckpoint } from "../../engine/index.ts";
import { quantiser } from "../../onnx/index.ts";
import { CheckpointError, openWeights, type Weight, type Weights } from "../../weights/index.ts";
import { parseCard } from "../card.ts";
import { ModelError } from "../errors.ts";
import { requireFree } from "../free-air.ts";
import { addModel, type Naming } from "../install.ts";
import type { ModelLocations } from "../locations.ts";
import type { Model } from "../registry.ts";
import { writeCard } from "../write-card.ts";
import { COMPONENT_FOLDERS, COMPONENTS, type Component } from "./component-folder.ts";
import { convertTensors, writeIndex } from "./convert.ts";
import { type CheckpointFiles, gatherCheckpoint, type Ingredients, type Piece } from "./gather.ts";
import { knownCheckpoint } from "./known-checkpoints.ts";
import { completePart, removeUnusedParts, storedPart } from "./part-store.ts";

export interface AddHooks {
  readonly signal?: AbortSignal | undefined;
  /** Told what is being done, with bytes of the source done and in all. */
  onProgress?(progress: { readonly component: string; readonly done: number; readonly total: number }): void;
}

/**
 * Registers a checkpoint from whatever files people have. Everything is checked before anything is converted, and again before it is
 * registered: what cannot be drawn with is refused, and nothing of it is left.
 *
 * A folder in diffusers layout whose weights can be read in place stays where it is. From anything else a checkpoint is made in the models
 * directory, its components converted once and shared with other checkpoints. An interrupted conversion goes on when it is asked for again.
 *
 * @throws ModelError `notACheckpoint` saying what does not fit, `alreadyInstalled` or `invalidCard`
 * @throws the signal's reason
 */
export async function addCheckpoint(
  files: CheckpointFiles,
  naming: Naming,
  locations: ModelLocations,
  hooks: AddHooks = {},
): Promise<Model> {
  await requireFree(naming.air, locations);
  return asModelError(async () => {
    const ingredients = await gatherCheckpoint(files);
    try {
      if ("inPlace" in ingredients) {
        await checkCheckpoint(ingredients.inPlace);
        return await addModel(ingredients.inPlace, naming, locations);
      }
      return await make(ingredients, naming, locations, hooks);
    } finally {
      ingredients.close();
    }
  });
}

/** Builds the folder beside its place, converts what has to be converted, and moves it there. */
async function make(
  ingredients: Ingredients,
  naming: Naming,
  locations: ModelLocations,
  hooks: AddHooks,
): Promise<Model> {
  const { modelsDir } = locations;
  const staging = join(modelsDir, `.adding-${randomUUID()}`);
  const folder = join(staging, "checkpoint");
  await mkdir(folder, { recursive: true });
  const begun: string[] = [];
  try {
    const card = {
      ...(ingredients.isLarge && knownCheckpoint(ingredients.title, ingredients.member)),
      ...ingredients.card,
      air: naming.air,
      name: naming.name ?? naming.folderName ?? ingredients.title,
      checkpoint: "checkpoint",
    };
    const checked = parseCard(card, ingredients.title);
    await writeConfigs(ingredients, folder);
    const places = new Map<Component, Place>();
    for (const piece of ingredients.pieces) {
      const place = await placeOf(piece, modelsDir);
      if (!place.complete) begun.push(place.folder);
      places.set(piece.component, place);
      await link(place.folder, join(folder, piece.component));
    }
    await checkCheckpoint(folder, openUnconverted(ingredients.pieces));
    await convertAll(ingredients.pieces, places, hooks);
    await checkCheckpoint(folder);
    await requireFree(naming.air, locations); // it took a while
    await writeCard(staging, card);
    const registration = join(modelsDir, naming.air.replace(":", "+"));
    await rename(staging, registration).catch((cause) => {
      throw new ModelError("alreadyInstalled", `${registration} is in the way of ${naming.air}: ${cause.message}`, {
        cause,
      });
    });
    return { card: checked, folder: join(registration, "checkpoint"), origin: "installed", registration };
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    // What was converted when somebody stopped it is gone on with later; what cannot be drawn with goes.
    if (!hooks.signal?.aborted) await removeUnusedParts(modelsDir, begun);
    throw error;
  }
}

interface Place {
  readonly folder: string;
  readonly complete: boolean;
}

async function placeOf(piece: Piece, modelsDir: string): Promise<Place> {
  if (piece.folder !== undefined) return { folder: piece.folder, complete: true };
  return storedPart(modelsDir, piece.component, piece.files, piece.mode, piece.config);
}

/** Links within the models directory are relative, so that it can be moved. */
async function link(target: string, path: string): Promise<void> {
  const inside = dirname(dirname(dirname(path)));
  const place = target.startsWith(join(inside, "/")) ? relative(dirname(path), target) : target;
  await symlink(place, path, process.platform === "win32" ? "junction" : "dir");
}

async function convertAll(
  pieces: readonly Piece[],
  places: ReadonlyMap<Component, Place>,
  hooks: AddHooks,
): Promise<void> {
  const open = pieces.filter(({ component }) => !places.get(component)!.complete);
  const total = open.reduce((sum, piece) => sum + bytesOf(piece), 0);
  let done = 0;
  const rounding = quantiser();
  try {
    for (const piece of open) {
      if (piece.folder !== undefined) continue;
      const { component, files, parts, mode } = piece;
      const { folder } = places.get(component)!;
      const onProgress = (bytes: number) => {
        done += bytes;
        hooks.onProgress?.({ component, done, total });
      };
      const holders: Record<string, string> = {};
      for (const part of parts) {
        const stem = part.kind === "vision" ? "vision" : COMPONENT_FOLDERS[component].stem;
        const conversion = { ...part, mode };
        const convert = { quantiser: rounding, signal: hooks.signal, onProgress };
        Object.assign(holders, await convertTensors(conversion, folder, stem, convert));
      }
      await writeIndex(folder, COMPONENT_FOLDERS[component].stem, holders);
      await completePart(folder, files);
    }
  } finally {
    await rounding.release();
  }
}

function bytesOf(piece: Piece): number {
  if (piece.folder !== undefined) return 0;
  return piece.parts.reduce((sum, { tensors }) => {
    for (const { byteLength } of tensors.values()) sum += byteLength;
    return sum;
  }, 0);
}

async function writeConfigs({ configs, copies }: Ingredients, folder: string): Promise<void> {
  for (const [path, config] of Object.entries(configs)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), `${JSON.stringify(config, undefined, 2)}\n`);
  }
  for (const from of copies) await cp(from, join(folder, basename(from)), { recursive: true, dereference: true });
}

/** Opens components whose tensors are still in the files that they are made from: names and shapes, no numbers. */
function openUnconverted(pieces: readonly Piece[]): typeof openWeights {
  return async (folder, stem) => {
    const component = COMPONENTS.find((name) => name === basename(folder));
    const piece = pieces.find((one) => one.component === component);
    if (!piece || piece.folder !== undefined) return openWeights(folder, stem);
    const from = piece.parts[0]!.from;
    const tensors = new Map<string, Weight>();
    for (const part of piece.parts) {
      for (const [name, { shape }] of part.tensors)
        tensors.set(name, { dtype: "F32", shape, offset: 0, byteLength: 0, file: "" });
    }
    return namedShapes(from, tensors);
  };
}

function namedShapes(from: string, tensors: ReadonlyMap<string, Weight>): Weights {
  return {
    folder: from,
    names: [...tensors.keys()],
    find: (name) => tensors.get(name),
    has: (name) => tensors.has(name),
    get(name, shape) {
      const weight = tensors.get(name);
      if (!weight) throw new CheckpointError(`${from}: tensor "${name}" is missing`);
      if (String(weight.shape) === String(shape)) return weight;
      throw new CheckpointError(`${from}: tensor "${name}" has shape [${weight.shape}], the config needs [${shape}]`);
    },
  };
}

async function asModelError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    throw new ModelError("notACheckpoint", error.message, { cause: error });
  }
}
