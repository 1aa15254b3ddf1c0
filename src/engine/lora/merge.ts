import type { Weights } from "../../weights/index.ts";
import { mergedValues } from "./adaptation.ts";
import { readChanges } from "./changes.ts";
import { lowRankMerger } from "./matrix.ts";

/** Adapters that are merged into weights for good, tensor by tensor. */
export interface LoraMerge {
  /** The tensors that they change. */
  readonly changed: ReadonlySet<string>;
  /** What of the files fits nowhere, for people. */
  readonly warnings: readonly string[];
  /** A tensor's numbers with the adapters in them: float32, in the order of its shape. */
  apply(name: string, values: Float32Array, shape: readonly number[]): Promise<Float32Array>;
}

/**
 * Reads adapters to be merged into a transformer.
 * @param weights its tensors; names and shapes are enough
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
