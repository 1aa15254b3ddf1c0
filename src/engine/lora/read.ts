import { realpath } from "node:fs/promises";
import type { Weight, Weights } from "../../weights/index.ts";
import { readSafetensorsHeader, tensorReader } from "../../weights/index.ts";
import type { Change } from "./change.ts";
import { layerFinder, parseKey, type Role } from "./keys.ts";
import { layerChanges } from "./layer-adapter.ts";
import { metadataScales } from "./metadata.ts";
import { misfit } from "./misfit.ts";

/** An adapter file, read: what it changes, tensor by tensor, and what of it fits nowhere. */
export interface Lora {
  /** Names of the checkpoint's tensors → their change. */
  readonly changes: ReadonlyMap<string, Change>;
  /** Keys of the file that were left out, with the reason where there is one to give. */
  readonly unused: readonly string[];
}

/**
 * Reads an adapter file of any known key grammar for the checkpoint's transformer.
 * @throws CheckpointError when it is no safetensors file
 */
export async function readLora(path: string, weights: Weights): Promise<Lora> {
  const file = await realpath(path).catch(() => path);
  const { tensors, metadata } = await readSafetensorsHeader(file);
  const { layers, unused } = byLayer(
    [...tensors].map(([key, entry]) => [key, { ...entry, file }]),
    layerFinder(weights.names),
  );
  const scales = metadataScales(metadata);
  const changes = new Map<string, Change>();
  const reader = tensorReader();
  try {
    for (const [layer, { keys, tensors }] of layers) {
      const [weight, bias] = [weights.find(`${layer}.weight`), weights.find(`${layer}.bias`)];
      const reason = misfit(tensors, weight?.shape ?? [], bias?.shape[0]);
      if (reason) unused.push(...keys.map((key) => `${key} (${reason})`));
      else {
        const change = layerChanges(tensors, (rank) => scales(layer, rank), reader);
        if (change.weight) changes.set(`${layer}.weight`, change.weight);
        if (change.bias) changes.set(`${layer}.bias`, change.bias);
      }
    }
  } finally {
    reader.close();
  }
  return { changes, unused };
}

/** Sorts the file's tensors by the layer of the checkpoint that they are for. */
function byLayer(tensors: readonly (readonly [string, Weight])[], find: (written: string) => string | undefined) {
  const layers = new Map<string, { keys: string[]; tensors: Map<Role, Weight> }>();
  const unused: string[] = [];
  for (const [key, tensor] of tensors) {
    const parsed = parseKey(key);
    const layer = parsed && find(parsed.layer);
    if (!parsed || !layer) {
      unused.push(key);
      continue;
    }
    const known = layers.get(layer) ?? { keys: [], tensors: new Map<Role, Weight>() };
    known.keys.push(key);
    known.tensors.set(parsed.role, tensor);
    layers.set(layer, known);
  }
  return { layers, unused };
}
