import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** What diffusers computed, written by `reference/fixtures.py`. */

export const CASES = ["plain", "odd", "bf16", "half"] as const;
export type Case = (typeof CASES)[number];

/** Every recorded picture: checkpoint and run. */
export const PICTURES: readonly (readonly [Case, string])[] = [
  ["plain", "stages"],
  ["plain", "unguided"],
  ["plain", "img2img"],
  ["plain", "inpaint"],
  ["odd", "stages"],
  ["odd", "empty"],
  ["bf16", "stages"],
  ["half", "stages"],
  ["half", "single-step"],
];

/** Networks this small are done before a second thread has woken up. */
export const ONE_THREAD = { threads: 1 };

export interface ReferenceTensor {
  readonly data: Float32Array | Int32Array | Uint8Array;
  readonly dims: readonly number[];
}

export interface Fixture {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly width: number;
  readonly height: number;
  readonly steps: number;
  readonly guidance: number;
  readonly seed: bigint;
  /** Of image-to-image and inpainting, which start from the tensor `source`. */
  readonly strength: number | undefined;
  readonly names: readonly string[];
  /** @throws Error when there is no tensor of that name */
  tensor(name: string): ReferenceTensor;
  /** @throws Error when the tensor is not float32 */
  floats(name: string): { data: Float32Array; dims: readonly number[] };
}

export function fixturePath(path: string): string {
  return fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
}

export function checkpointPath(name: Case): string {
  return fixturePath(`${name}/checkpoint`);
}

const ARRAYS = { F32: Float32Array, I32: Int32Array, U8: Uint8Array } as const;

/** Reads all tensors of a safetensors file that we wrote ourselves, and its metadata. */
export function readTensors(path: string): { metadata: Record<string, string>; tensors: Map<string, ReferenceTensor> } {
  const bytes = readFileSync(fixturePath(path));
  const length = Number(bytes.readBigUInt64LE());
  const { __metadata__: metadata = {}, ...entries } = JSON.parse(bytes.toString("utf8", 8, 8 + length));
  const tensors = new Map<string, ReferenceTensor>();
  for (const [name, entry] of Object.entries(entries)) {
    const { dtype, shape, data_offsets } = entry as {
      dtype: keyof typeof ARRAYS;
      shape: number[];
      data_offsets: [number, number];
    };
    const [begin, end] = data_offsets;
    const copy = new Uint8Array(bytes.subarray(8 + length + begin, 8 + length + end));
    tensors.set(name, { data: new ARRAYS[dtype](copy.buffer), dims: shape });
  }
  return { metadata, tensors };
}

/** The tensors of one run, what it was asked, and its metadata as numbers. */
export function readRun(path: string) {
  const { metadata, tensors } = readTensors(path);
  const number = (key: string) => Number(metadata[key]);
  return {
    metadata,
    tensors,
    number,
    asked: {
      prompt: metadata.prompt!,
      negativePrompt: metadata.negative_prompt!,
      width: number("width"),
      height: number("height"),
      steps: number("steps"),
      guidance: number("true_cfg_scale"),
      seed: BigInt(metadata.seed!),
    },
    tensor(key: string) {
      const found = tensors.get(key);
      if (!found) throw new Error(`${path} has no tensor "${key}"`);
      return found;
    },
  };
}

/** One picture and the stages on the way to it: `test/fixtures/<name>/<run>.safetensors`. */
export function readFixture(name: Case, run = "stages"): Fixture {
  const { metadata, tensors, number, tensor, asked } = readRun(`${name}/${run}.safetensors`);
  return {
    ...asked,
    strength: metadata.strength === undefined ? undefined : number("strength"),
    names: [...tensors.keys()],
    tensor,
    floats(key) {
      const { data, dims } = tensor(key);
      if (!(data instanceof Float32Array)) throw new Error(`${name}/${run}.safetensors: "${key}" is not float32`);
      return { data, dims };
    },
  };
}
