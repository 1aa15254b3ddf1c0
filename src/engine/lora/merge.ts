import type { Weights } from "../../weights/index.ts";
import { mergedValues } from "./adaptation.ts";
import { readChanges } from "./changes.ts";
import { lowRankMerger } from "./matrix.ts";

/** Adapters to merge into weights permanently, tensor by tensor. */
export interface LoraMerge {
  /** The tensors that they change. */
  readonly changed: ReadonlySet<string>;
  /** One message for each file with keys that fit no layer, for people. */
  readonly warnings: readonly string[];
  /** The values of a tensor with the adapters: float32, in the order of its shape. */
  apply(name: string, values: Float32Array, shape: readonly number[]): Promise<Float32Array>;
}

/**
 * Reads adapters to merge into a transformer.
 * @param weights its tensors; names and shapes suffice
 * @throws LoraFileError for a file that is missing, unreadable or fits no layer
 */
export async function openLoraMerge(
  loras: readonly { readonly file: string; readonly weight: number }[],
  weights: Weights,
): Promise<LoraMerge> {
  const { changes, warnings } = await readChanges(loras, weights);
  const merge = await lowRankMerger();
  return {
    changed: new Set(changes.keys()),
    warnings,
    apply: (name, values, shape) => mergedValues(values, shape, changes.get(name)!, merge),
  };
}
