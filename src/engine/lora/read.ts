import { realpath } from "node:fs/promises";
import {
  CheckpointError,
  readSafetensorsHeader,
  tensorReader,
  type Weight,
  type Weights,
} from "../../weights/index.ts";
import { allFinite } from "../check.ts";
import type { Change } from "./change.ts";
import { fusedParts, layerFinder, parseKey, type Role, unknownKind } from "./keys.ts";
import { layerChanges, mismatch } from "./layer.ts";
import { readPeftConfig, scaleRule } from "./peft-config.ts";

/** The content of an adapter file: its changes, tensor by tensor, and the keys that fit no layer. */
export interface Lora {
  /** By tensor name in the checkpoint. */
  readonly changes: ReadonlyMap<string, Change>;
  /** Ignored keys of the file, with the reason if it is known. */
  readonly unused: readonly string[];
}

/**
 * Reads an adapter file in any known key grammar for the transformer of the checkpoint.
 * @throws CheckpointError when it is not a safetensors file, or has a value that is not finite
 */
export async function readLora(path: string, weights: Weights): Promise<Lora> {
  const file = await realpath(path).catch(() => path);
  const { tensors, metadata } = await readSafetensorsHeader(file);
  const entries = [...tensors].map(([key, entry]) => [key, { ...entry, file }] as const);
  const { layers, unused } = byLayer(entries, layerFinder(weights.names));
  const config = await readPeftConfig(path, metadata);
  const scales = config && scaleRule(config, [...layers.keys()]);
  const changes = new Map<string, Change>();
  const reader = tensorReader();
  const finite = {
    read(tensor: Weight) {
      const values = reader.read(tensor);
      if (!allFinite(values)) throw new CheckpointError(`${path}: ${keyOf(entries, tensor)} holds NaN or infinity`);
      return values;
    },
    readNumber: reader.readNumber,
  };
  try {
    for (const [layer, { keys, tensors }] of layers) {
      const [weight, bias] = [weights.find(`${layer}.weight`), weights.find(`${layer}.bias`)];
      const reason = mismatch(tensors, weight?.shape ?? [], bias?.shape[0]);
      if (reason) unused.push(...keys.map((key) => `${key} (${reason})`));
      else {
        const change = layerChanges(tensors, (rank) => scales?.(layer, rank), finite);
        if (change.weight) changes.set(`${layer}.weight`, change.weight);
        if (change.bias) changes.set(`${layer}.bias`, change.bias);
      }
    }
  } finally {
    reader.close();
  }
  return { changes, unused };
}

type Entry = readonly [key: string, tensor: Weight];

function keyOf(entries: readonly Entry[], { offset, byteLength }: Weight): string | undefined {
  const holds = (tensor: Weight) => tensor.offset <= offset && offset + byteLength <= tensor.offset + tensor.byteLength;
  return entries.find(([, tensor]) => holds(tensor))?.[0];
}

/** Groups the tensors of the file by the layer that they change. */
function byLayer(entries: readonly Entry[], find: (written: string) => string | undefined) {
  const layers = new Map<string, { keys: string[]; tensors: Map<Role, Weight> }>();
  const unused: string[] = [];
  const put = (layer: string, role: Role, key: string, tensor: Weight) => {
    const known = layers.get(layer) ?? { keys: [], tensors: new Map<Role, Weight>() };
    known.keys.push(key);
    known.tensors.set(role, tensor);
    layers.set(layer, known);
  };
  for (const [key, stored] of entries) {
    const parsed = parseKey(key);
    const tensor = asMatrix(stored);
    const layer = parsed && find(parsed.layer);
    const parts = parsed && !layer ? fusedParts(parsed.layer)?.map(find) : undefined;
    if (parsed && layer) put(layer, parsed.role, key, tensor);
    else if (parsed && parts?.every((part) => part !== undefined)) {
      for (const [i, part] of parts.entries()) put(part, parsed.role, key, share(tensor, parsed.role, i, parts.length));
    } else {
      const kind = unknownKind(key);
      unused.push(kind ? `${key} (${kind} is not supported)` : key);
    }
  }
  return { layers, unused };
}

/** Removes the sides of the kernel from a matrix that is stored as a 1×1 convolution. */
function asMatrix(tensor: Weight): Weight {
  const { shape } = tensor;
  if (shape.length < 3 || shape.slice(2).some((side) => side !== 1)) return tensor;
  return { ...tensor, shape: shape.slice(0, 2) };
}

/** Tensors that do not have a row for every output. */
const SHARED: readonly Role[] = ["down", "alpha", "hadaW1b", "hadaW2b", "w1b", "w2", "w2a", "w2b"];

/** The share of part `i` of a fused layer: its rows of a tensor with a row for every output, otherwise the whole tensor. */
function share(tensor: Weight, role: Role, i: number, count: number): Weight {
  const [rows = 0, ...rest] = tensor.shape;
  const shared = SHARED.includes(role) || (role === "doraScale" && rows === 1);
  if (shared || rows % count !== 0) return tensor;
  const byteLength = tensor.byteLength / count;
  return { ...tensor, shape: [rows / count, ...rest], offset: tensor.offset + i * byteLength, byteLength };
}
