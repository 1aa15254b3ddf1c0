import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { expectedTensors } from "../../engine/index.ts";
import { CheckpointError, openSource, readJson, weightsFile } from "../../weights/index.ts";
import type { Download, HubFile, Repository } from "../hub/index.ts";
import { COMPONENT_FOLDERS, COMPONENTS, type Component, companions } from "./component-folder.ts";
import type { Config } from "./configs.ts";
import { type Ingredients, LARGE, type MergedLora } from "./ingredients.ts";
import { type MemberName, memberNamed } from "./members.ts";
import { withMerged } from "./merge.ts";
import { type ConvertedPiece, namedShapes, type Shard, unseenWeights, type WeightMode } from "./pieces.ts";
import { filesOfCheckpoint } from "./used-files.ts";

/** Choices of the user for a checkpoint made from a repository. */
export interface RepositoryChoices {
  /** Default: int8 for large checkpoints, as for other sources. */
  readonly mode?: WeightMode | undefined;
  readonly member?: MemberName | undefined;
  readonly merge?: readonly MergedLora[] | undefined;
}

/** Size of a transformer from which int8 is worth its error: a billion weights of two bytes. */
const LARGE_BYTES = 2 * LARGE;

/** Size of converted files relative to BF16, at least. */
const CONVERTED = { int8: 0.48, int4: 0.27, keep: 1 } as const;

/** How to store the weights of a repository in diffusers layout, unless the user chooses. */
export function modeFor({ files }: Repository): WeightMode {
  return bytesOf(files.filter(({ path }) => isWeights(path, "transformer"))) >= LARGE_BYTES ? "int8" : "keep";
}

/**
 * The ingredients of a checkpoint in diffusers layout on the hub. Its small files are downloaded first. Its shards are downloaded one by one
 * during the conversion, and deleted afterwards.
 * @param choices.merge LoRAs to merge into the weights of the transformer
 * @param warn called for LoRAs with keys that fit no layer
 * @throws CheckpointError naming the files that the repository lacks
 */
export async function gatherRepository(
  repository: Repository,
  download: Download,
  { mode, member, merge = [] }: RepositoryChoices & { readonly mode: WeightMode },
  warn: (message: string) => void = () => {},
): Promise<Ingredients> {
  for (const file of filesOfCheckpoint(repository)) {
    if (!file.path.endsWith(".safetensors")) await download.fetch(file);
  }
  const { folder } = download;
  const pieces: ConvertedPiece[] = [];
  for (const component of COMPONENTS) {
    pieces.push(await pieceFrom(repository, download, component, component === "vae" ? "keep" : mode));
  }
  const transformer = repository.files.filter(({ path }) => isWeights(path, "transformer"));
  const found = {
    title: repository.name,
    source: `${repository.name}@${repository.revision}`,
    member: member ?? memberNamed(repository.name),
    isLarge: bytesOf(transformer) >= LARGE_BYTES,
    card: {},
    pieces,
    configs: { "model_index.json": (await readJson(join(folder, "model_index.json"))) as Config },
    copies: companions(folder),
  };
  return { ...(merge.length > 0 ? await withMerged(found, merge, warn) : found), close() {} };
}

async function pieceFrom(
  repository: Repository,
  { folder, fetch, missingBytes }: Download,
  component: Component,
  mode: WeightMode,
): Promise<ConvertedPiece> {
  const place = join(folder, component);
  const { files, names } = await shardsIn(repository, folder, component);
  const missing = await Promise.all(files.map((file) => missingBytes([file])));
  const shards = files.map(
    (file, i): Shard => ({
      label: `${COMPONENT_FOLDERS[component].stem}-shard${String(i + 1).padStart(2, "0")}`,
      bytes: file.size,
      results: Math.floor(CONVERTED[mode] * file.size),
      download: missing[i]!,
      async open() {
        const path = await fetch(file);
        const source = openSource(path);
        const part = { kind: component, from: path, tensors: withoutHead(source.tensors), zeroCondT: false };
        return { part, close: source.close };
      },
      discard: () => rm(join(folder, file.path), { force: true }),
    }),
  );
  const from = `${repository.name}/${component}`;
  return {
    component,
    mode,
    config: (await readJson(join(place, "config.json"))) as Config,
    identity: files.map(({ path, checksum }) => [path, checksum.hex]),
    shards,
    preview: await previewOf(component, place, from, names),
  };
}

/** Properties of weights before the download: names from the index, shapes of the transformer from its config. */
async function previewOf(component: Component, place: string, from: string, names: readonly string[] | undefined) {
  const shapes = component === "transformer" ? await expectedTensors(place) : undefined;
  if (names) return namedShapes(from, new Map(names.map((name) => [name, shapes?.get(name)])));
  return shapes ? namedShapes(from, shapes) : unseenWeights(from);
}

/** The text encoder never reads the head of the language model, one gigabyte. */
function withoutHead<T>(tensors: ReadonlyMap<string, T>): Map<string, T> {
  return new Map([...tensors].filter(([name]) => !name.startsWith("lm_head.")));
}

/** The weight files of a component, and the tensors that its index names. */
async function shardsIn(repository: Repository, folder: string, component: Component) {
  const within = (path: string) => path.startsWith(`${component}/`);
  const found = new Map(
    repository.files.filter(({ path }) => within(path)).map((file) => [file.path.slice(component.length + 1), file]),
  );
  const name = weightsFile([...found.keys()], COMPONENT_FOLDERS[component].stem, `${repository.name}/${component}`);
  if (!name.endsWith(".json")) return { files: [found.get(name)!] };
  const { weight_map: map } = (await readJson(join(folder, component, name))) as {
    weight_map?: Record<string, string>;
  };
  const shards = [...new Set(Object.values(map ?? {}))].map((shard) => {
    const file = found.get(basename(shard));
    if (file) return file;
    throw new CheckpointError(`${repository.name} lacks ${component}/${shard}, which its index names`);
  });
  return { files: shards, names: Object.keys(map ?? {}) };
}

function isWeights(path: string, component: Component): boolean {
  return path.startsWith(`${component}/`) && path.endsWith(".safetensors");
}

function bytesOf(files: readonly HubFile[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}
