import { existsSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import { CheckpointError } from "./checkpoint-error.ts";
import { readJson } from "./json-file.ts";
import { readSafetensorsHeader, type TensorEntry } from "./safetensors.ts";

/** A tensor and the file that holds it. */
export interface Weight extends TensorEntry {
  /** Absolute, symlinks resolved: ONNX Runtime refuses external data behind links that leave the model's folder. */
  readonly file: string;
}

/** All tensors of one component (text encoder, transformer, VAE) of a checkpoint, over all its shards. */
export interface Weights {
  /** Folder of the component, for messages. */
  readonly folder: string;
  /** The tensor's place in its file. @throws CheckpointError when it is missing or has another shape. */
  get(name: string, shape: readonly number[]): Weight;
  has(name: string): boolean;
  /** The tensor as it is, undefined when there is none of that name. */
  find(name: string): Weight | undefined;
  /** Names of all tensors. */
  readonly names: readonly string[];
}

/**
 * Indexes the safetensors files of a component folder without reading tensor data.
 *
 * @param stem file name before `.safetensors`: `diffusion_pytorch_model` or `model`
 * @throws CheckpointError naming the missing file, shard or tensor
 */
export async function openWeights(folder: string, stem: string): Promise<Weights> {
  const shards = await listShards(folder, stem);
  const tensors = new Map<string, Weight>();
  for (const path of shards.files) {
    const file = await realpath(path);
    for (const [name, entry] of (await readSafetensorsHeader(file)).tensors) {
      if (tensors.has(name)) throw new CheckpointError(`${folder}: tensor "${name}" is in more than one shard`);
      tensors.set(name, { ...entry, file });
    }
  }
  for (const name of shards.expected) {
    if (!tensors.has(name)) throw new CheckpointError(`${folder}: tensor "${name}" is in the index but in no shard`);
  }
  return {
    folder,
    names: [...tensors.keys()],
    find: (name) => tensors.get(name),
    has: (name) => tensors.has(name),
    get(name, shape) {
      const weight = tensors.get(name);
      if (!weight) throw new CheckpointError(`${folder}: tensor "${name}" is missing`);
      if (weight.shape.length !== shape.length || weight.shape.some((size, i) => size !== shape[i])) {
        throw new CheckpointError(
          `${folder}: tensor "${name}" has shape [${weight.shape}], the config needs [${shape}]`,
        );
      }
      return weight;
    },
  };
}

async function listShards(folder: string, stem: string): Promise<{ files: string[]; expected: string[] }> {
  const single = join(folder, `${stem}.safetensors`);
  const index = `${single}.index.json`;
  if (existsSync(single)) return { files: [single], expected: [] };
  if (!existsSync(index)) throw new CheckpointError(`${single} is missing, and so is ${basename(index)}`);
  const weightMap = await readWeightMap(index);
  const files = [...new Set(Object.values(weightMap))].map((shard) => {
    if (basename(shard) !== shard) throw new CheckpointError(`${index}: shard "${shard}" is not a plain file name`);
    const path = join(folder, shard);
    if (!existsSync(path)) throw new CheckpointError(`${path} is missing (named in ${basename(index)})`);
    return path;
  });
  return { files, expected: Object.keys(weightMap) };
}

async function readWeightMap(index: string): Promise<Record<string, string>> {
  const { weight_map: map } = ((await readJson(index)) ?? {}) as { weight_map?: Record<string, string> };
  if (typeof map !== "object" || map === null || !Object.values(map).every((shard) => typeof shard === "string")) {
    throw new CheckpointError(`${index}: expected {"weight_map": {tensor: shard}}`);
  }
  return map;
}
