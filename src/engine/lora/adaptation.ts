import type { HostTensor } from "../../onnx/index.ts";
import type { Weight, Weights } from "../../weights/index.ts";
import { type TensorReader, tabulate, tensorReader } from "../../weights/index.ts";
import { ParameterError } from "../check.ts";
import { isTimeTensor } from "../modulations.ts";
import type { Attachments } from "../transformer-chain.ts";
import type { Change, LowRankChange } from "./change.ts";
import { type Matrix, type MergeLowRank, scaled, tensorOf } from "./matrix.ts";

/** Adapters, ready to feed: to the graphs of the transformer, and to the time graph that computes the modulations. */
export interface Adaptation {
  readonly transformer?: Attachments;
  readonly time?: Attachments;
  /** Memory in use. */
  readonly bytes: number;
}

/** A change and its weight. */
export interface WeightedChange {
  readonly change: Change;
  readonly weight: number;
}

/** Limits for merging low-rank changes into the weights, in work and memory. */
export interface MergeRule {
  /** As a share of the work of the changed layers. Above it, merging is faster than low-rank inputs. */
  readonly addedWork: number;
  /** Memory limit for merging that is optional. */
  readonly bytes: number;
  /** Memory limit for changes that must be merged. */
  readonly mostBytes: number;
}

/** Tensors that need merging but are stored in a form that does not allow it. */
export function unmergeable(weights: Weights, changes: ReadonlyMap<string, Change>): string[] {
  return [...changes].flatMap(([name, { kind }]) => (kind === "dense" && weights.find(name)?.quantised ? [name] : []));
}

/**
 * Applies changes to the tensors of the checkpoint. Low-rank changes stay low-rank, which makes switching them free. If they add more work
 * than the rule allows, they are merged, provided that memory suffices and the weights are not rounded. Other changes are always merged.
 *
 * @param changes by name of the tensor
 * @throws ParameterError when the tensors that must be merged do not fit into memory
 */
export async function adapt(
  weights: Weights,
  changes: ReadonlyMap<string, readonly WeightedChange[]>,
  merge: MergeLowRank,
  rule: MergeRule,
): Promise<Adaptation> {
  const names = [...changes.keys()];
  const bytesOf = (merged: readonly string[]) => merged.reduce((sum, name) => sum + 4 * sizeOf(weights, name), 0);
  const mustMerge = names.filter((name) => changes.get(name)!.some(({ change }) => change.kind === "dense"));
  const plain = names.every((name) => !weights.find(name)!.quantised);
  const mergeAll = plain && addedWork(weights, changes) > rule.addedWork && bytesOf(names) <= rule.bytes;
  const merged = new Set(mergeAll ? names : mustMerge);
  if (bytesOf([...merged]) > rule.mostBytes) {
    const sizes = `${bytesOf([...merged])} bytes of merged weights exceed ${rule.mostBytes}`;
    throw new ParameterError(
      "loras",
      `loras change too many layers in a form that is not low-rank: ${sizes}. Use fewer of them`,
    );
  }

  const parts = { transformer: emptyPart(), time: emptyPart() };
  const reader = tensorReader();
  try {
    for (const name of names) {
      const part = parts[isTimeTensor(name) ? "time" : "transformer"];
      if (merged.has(name)) {
        part.replaced.add(name);
        part.feeds[name] = await mergedTensor(weights.find(name)!, reader, changes.get(name)!, merge);
      } else {
        const layer = name.slice(0, -".weight".length);
        const { up, down } = stacked(changes.get(name)!);
        part.lowRank.add(layer);
        part.feeds[`${layer}/up`] = tensorOf(up);
        part.feeds[`${layer}/down`] = tensorOf(down);
      }
    }
  } finally {
    reader.close();
  }
  for (const part of Object.values(parts)) if (part.lowRank.size > 0) widen(part, weights, part === parts.time);
  const attached = ({ feeds, ...fed }: Part): Attachments | undefined =>
    Object.keys(feeds).length > 0 ? { fed, feeds } : undefined;
  const [transformer, time] = [attached(parts.transformer), attached(parts.time)];
  const bytes = Object.values({ ...parts.transformer.feeds, ...parts.time.feeds }).reduce(
    (sum, { data }) => sum + data.byteLength,
    0,
  );
  return { transformer, time, bytes };
}

/**
 * Feeds zeros of rank 1 to the linear layers that no adapter changes. So one graph serves every low-rank adapter, whatever its layers and
 * rank, and only the first adapter waits for a graph (`npm run bench:loras`).
 */
function widen({ lowRank, feeds }: Part, weights: Weights, time: boolean): void {
  for (const name of weights.names) {
    const { shape } = weights.find(name)!;
    if (shape.length !== 2 || !name.endsWith(".weight") || isTimeTensor(name) !== time) continue;
    const layer = name.slice(0, -".weight".length);
    if (lowRank.has(layer)) continue;
    const [out, width] = shape as [number, number];
    lowRank.add(layer);
    feeds[`${layer}/up`] = { data: new Float32Array(out), dims: [out, 1] };
    feeds[`${layer}/down`] = { data: new Float32Array(width), dims: [1, width] };
  }
}

function sizeOf(weights: Weights, name: string): number {
  return weights.find(name)!.shape.reduce((product, n) => product * n, 1);
}

/** Multiplications of the low-rank factors for each one of the layers that they change: rank (in + out) / (in out). */
function addedWork(weights: Weights, changes: ReadonlyMap<string, readonly WeightedChange[]>): number {
  let own = 0;
  let more = 0;
  for (const [name, list] of changes) {
    for (const { change } of list)
      if (change.kind === "lowRank") more += change.up.data.length + change.down.data.length;
    own += sizeOf(weights, name);
  }
  return more / own;
}

interface Part {
  readonly replaced: Set<string>;
  readonly lowRank: Set<string>;
  readonly feeds: Record<string, HostTensor>;
}

function emptyPart(): Part {
  return { replaced: new Set(), lowRank: new Set(), feeds: {} };
}

async function mergedTensor(
  stored: Weight,
  reader: TensorReader,
  changes: readonly WeightedChange[],
  merge: MergeLowRank,
): Promise<HostTensor> {
  const dims = stored.shape;
  return { data: await mergedValues(reader.read(stored), dims, changes, merge), dims };
}

/** Values of a tensor with changes: dense differences first, then low-rank ones. */
export async function mergedValues(
  base: Float32Array,
  dims: readonly number[],
  changes: readonly WeightedChange[],
  merge: MergeLowRank,
): Promise<Float32Array> {
  let data = base;
  for (const { change, weight } of changes) {
    if (change.kind === "lowRank") continue;
    const [before, difference] = [data, change.difference(base, weight)];
    data = tabulate(base.length, (i) => before[i]! + difference(i));
  }
  const lowRank = changes.filter(({ change }) => change.kind === "lowRank");
  if (lowRank.length === 0) return data;
  const { up, down } = stacked(lowRank);
  return merge({ data, dims }, up, down);
}

/** Stacks several low-rank changes into one, weights included. */
function stacked(changes: readonly WeightedChange[]): { up: Matrix; down: Matrix } {
  const parts = changes.map(({ change, weight }) => {
    const { up, down } = change as LowRankChange;
    return { up: scaled(up, weight), down };
  });
  if (parts.length === 1) return parts[0]!;
  const rank = parts.reduce((sum, { down }) => sum + down.rows, 0);
  const { rows: out } = parts[0]!.up;
  const { columns: width } = parts[0]!.down;
  const up = new Float32Array(out * rank);
  const down = new Float32Array(rank * width);
  let at = 0;
  for (const part of parts) {
    down.set(part.down.data, at * width);
    for (let row = 0; row < out; row++) {
      const values = part.up.data.subarray(row * part.up.columns, (row + 1) * part.up.columns);
      up.set(values, row * rank + at);
    }
    at += part.down.rows;
  }
  return { up: { data: up, rows: out, columns: rank }, down: { data: down, rows: rank, columns: width } };
}
