import { existsSync } from "node:fs";
import { readdir, realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import { CheckpointError, readJson } from "./checkpoint-file.ts";
import { readSafetensorsHeader, type TensorEntry } from "./safetensors.ts";
import { MINIMUM, readStoredForms, SCALE, type StoredForm } from "./stored-form.ts";

/** A tensor and its file. */
export interface Weight extends TensorEntry {
  /** Absolute, with symlinks resolved: ONNX Runtime refuses external data behind links that leave the model's folder. */
  readonly file: string;
  /** The form of a matrix that is not plain. `shape` is then that of the matrix, [out, in], not that of the stored bytes. */
  readonly quantised?: Quantised;
}

/** A stored form, with the companions of one matrix. */
export type Quantised = StoredForm & {
  /** F32, [out] or [out, in / block] */
  readonly scale: Weight;
  /** F32, [out, in / block] */
  readonly minimum?: Weight;
};

/** All tensors of one component (text encoder, transformer, VAE) of a checkpoint, from all its shards. */
export interface Weights {
  /** Folder of the component, for messages. */
  readonly folder: string;
  /** Finds a tensor with this shape. @throws CheckpointError when it is missing or has another shape. */
  get(name: string, shape: readonly number[]): Weight;
  has(name: string): boolean;
  /** Finds a tensor with any shape; undefined when it is missing. */
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
    for (const [name, weight] of await readShard(await realpath(path))) {
      if (tensors.has(name)) throw new CheckpointError(`${folder}: tensor "${name}" is in more than one shard`);
      tensors.set(name, weight);
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

/** The tensors of one file. Companions of quantised matrices are part of these, not separate tensors. */
async function readShard(file: string): Promise<Map<string, Weight>> {
  const { tensors: entries, metadata } = await readSafetensorsHeader(file);
  const tensors = new Map([...entries].map(([name, entry]) => [name, { ...entry, file } as Weight]));
  for (const [name, form] of readStoredForms(metadata, file)) tensors.set(name, quantisedWeight(tensors, name, form));
  return tensors;
}

/** @throws CheckpointError when the matrix or a companion is missing, or has another type or shape than its form requires */
function quantisedWeight(tensors: Map<string, Weight>, name: string, form: StoredForm): Weight {
  const take = (suffix: string, dtype: string): Weight | undefined => {
    const tensor = tensors.get(name + suffix);
    if (!tensor) return undefined;
    const { file } = tensor;
    if (tensor.dtype !== dtype || tensor.quantised) {
      throw new CheckpointError(`${file}: tensor "${name + suffix}" is ${tensor.dtype}, its form needs ${dtype}`);
    }
    if (suffix !== "") tensors.delete(name + suffix);
    return tensor;
  };
  const stored = take("", form.form === "int8" ? "I8" : "U8");
  const scale = take(SCALE, "F32");
  const minimum = form.form === "blocks" ? take(MINIMUM, "F32") : undefined;
  const [first] = tensors.values();
  if (!stored || !scale) {
    throw new CheckpointError(`${first?.file ?? name}: tensor "${stored ? name + SCALE : name}" is missing`);
  }
  const fail = (tensor: Weight, needed: string) =>
    new CheckpointError(
      `${stored.file}: "${name}" is stored as ${form.form}: [${tensor.shape}] does not fit ${needed}`,
    );
  const is = (tensor: Weight, shape: readonly number[]) => String(tensor.shape) === String(shape);
  if (form.form === "int8") {
    const [width, out] = stored.shape;
    if (stored.shape.length !== 2 || width! % form.rotation !== 0) throw fail(stored, `groups of ${form.rotation}`);
    if (!is(scale, [out!])) throw fail(scale, `[${out}] scales`);
    return { ...stored, shape: [out!, width!], quantised: { ...form, scale } };
  }
  const [out, blocks, bytes] = stored.shape;
  if (stored.shape.length !== 3 || bytes !== (form.block * form.bits) / 8)
    throw fail(stored, `blocks of ${form.block}`);
  for (const companion of [scale, minimum]) {
    if (companion && !is(companion, [out!, blocks!])) throw fail(companion, `[${out}, ${blocks}] blocks`);
  }
  return { ...stored, shape: [out!, blocks! * form.block], quantised: { ...form, scale, ...(minimum && { minimum }) } };
}

/**
 * The safetensors files of a component folder, and the tensors that its index names. `weightsFile` chooses them.
 * @throws CheckpointError naming the missing file or shard
 */
export async function listShards(folder: string, stem: string): Promise<{ files: string[]; expected: string[] }> {
  const name = weightsFile(await readdir(folder).catch(() => []), stem, folder);
  const path = join(folder, name);
  return name.endsWith(".json") ? shardsOf(path, folder) : { files: [path], expected: [] };
}

/**
 * Chooses the file that leads to the weights of a component. As in diffusers, an index has priority over a single file: a single file
 * beside shards is a leftover. Without both, it chooses the file of the only variant (`diffusion_pytorch_model.fp16.safetensors`).
 * @param names of all files in the folder
 * @param place the folder, for messages
 * @returns the name of an index or of a single file
 * @throws CheckpointError when there is none, or when there are several variants
 */
export function weightsFile(names: readonly string[], stem: string, place: string): string {
  const single = `${stem}.safetensors`;
  const index = `${single}.index.json`;
  const plain = [index, single].find((name) => names.includes(name));
  if (plain !== undefined) return plain;
  const variants = variantsAmong(names, stem);
  if (variants.length > 1) throw new CheckpointError(`${place} has several variants: ${variants.join(", ")}; keep one`);
  const [variant] = variants;
  if (variant === undefined) throw new CheckpointError(`${join(place, single)} is missing, and so is ${index}`);
  return variant;
}

/** Files named `<stem>.<variant>.safetensors`, and indices named `<stem>.safetensors.index.<variant>.json`. */
function variantsAmong(names: readonly string[], stem: string): string[] {
  const rest = (name: string) => (name.startsWith(`${stem}.`) ? name.slice(stem.length) : "");
  const indices = names.filter((name) => /^\.safetensors\.index\.[\w-]+\.json$/.test(rest(name)));
  if (indices.length > 0) return indices.sort();
  return names.filter((name) => /^\.[\w-]+\.safetensors$/.test(rest(name)) && !/-\d+-of-\d+/.test(name)).sort();
}

async function shardsOf(index: string, folder: string): Promise<{ files: string[]; expected: string[] }> {
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
