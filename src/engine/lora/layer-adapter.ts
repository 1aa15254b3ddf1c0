import type { Weight } from "../checkpoint/weights.ts";
import { added, type Change, hadamard, kroneckerProduct, lowRank, replacedBy, weightDecomposed } from "./change.ts";
import type { Role } from "./key-grammar.ts";
import { type Matrix, multiply } from "./matrix.ts";

/** The tensors of an adapter file that belong to one layer. */
export type LayerTensors = ReadonlyMap<Role, Weight>;

/** Reads a tensor's values; shapes are known beforehand. */
export type ReadValues = (tensor: Weight) => Promise<Float32Array>;

/** The changes to a layer's weight and bias. */
export interface LayerChanges {
  readonly weight?: Change;
  readonly bias?: Change;
}

/**
 * What the tensors do to the layer. Alpha rules: metadata of the file before an `.alpha` before none, and none means a scale
 * of 1; for LoKr it counts only when a factor is itself low-rank. Model spec 8.3 and 8.4.
 *
 * @param scaleOfRank the scale that the file's metadata gives a layer of this rank, if any
 */
export async function layerChanges(
  tensors: LayerTensors,
  scaleOfRank: (rank: number) => number | undefined,
  read: ReadValues,
): Promise<LayerChanges> {
  const matrix = async (role: Role): Promise<Matrix> => {
    const tensor = tensors.get(role)!;
    return { data: await read(tensor), rows: tensor.shape[0]!, columns: tensor.shape[1] ?? 1 };
  };
  const values = async (role: Role) => read(tensors.get(role)!);
  const alpha = tensors.has("alpha") ? (await values("alpha"))[0]! : undefined;
  const scaleFor = (rank: number) => scaleOfRank(rank) ?? (alpha === undefined ? 1 : alpha / rank);
  const factor = async (whole: Role, a: Role, b: Role) =>
    tensors.has(whole) ? matrix(whole) : multiply(await matrix(a), await matrix(b));

  let rank = 1;
  let weight: Change | undefined;
  if (tensors.has("down")) {
    const [up, down] = [await matrix("up"), await matrix("down")];
    rank = down.rows;
    const change = lowRank(up, down, scaleFor(rank));
    weight = isDecomposed(tensors) ? await decomposed(multiply(change.up, down), tensors, values) : change;
  } else if (tensors.has("hadaW1a")) {
    rank = tensors.get("hadaW1b")!.shape[0]!;
    const pair = async (a: Role, b: Role): Promise<[Matrix, Matrix]> => [await matrix(a), await matrix(b)];
    const [first, second] = [await pair("hadaW1a", "hadaW1b"), await pair("hadaW2a", "hadaW2b")];
    weight = await decomposed(hadamard(first, second, scaleFor(rank)), tensors, values);
  } else if (tensors.has("w1") || tensors.has("w1a")) {
    const inner = tensors.get("w2b") ?? tensors.get("w1b");
    rank = inner?.shape[0] ?? 1;
    const [w1, w2] = [await factor("w1", "w1a", "w1b"), await factor("w2", "w2a", "w2b")];
    weight = await decomposed(kroneckerProduct(w1, w2, inner ? scaleFor(rank) : 1), tensors, values);
  }
  if (tensors.has("diff")) weight = added(await values("diff"));
  if (tensors.has("set")) weight = replacedBy(await values("set"));

  let bias: Change | undefined;
  if (tensors.has("diffBias")) bias = added(await values("diffBias"));
  else if (tensors.has("bias")) bias = added((await values("bias")).map((b) => b * scaleFor(rank)));
  return { ...(weight && { weight }), ...(bias && { bias }) };
}

function isDecomposed(tensors: LayerTensors): boolean {
  return tensors.has("magnitude") || tensors.has("doraScale");
}

/** The difference as it is, or with the magnitudes that came along. */
async function decomposed(
  difference: Matrix,
  tensors: LayerTensors,
  values: (role: Role) => Promise<Float32Array>,
): Promise<Change> {
  if (!isDecomposed(tensors)) return added(difference.data);
  if (tensors.has("magnitude")) {
    return weightDecomposed(difference, { data: await values("magnitude"), by: "rows of V" });
  }
  const byRows = tensors.get("doraScale")!.shape[0] === difference.rows;
  return weightDecomposed(difference, { data: await values("doraScale"), by: byRows ? "rows of W" : "columns of V" });
}
