import type { TensorReader, Weight } from "../../weights/index.ts";
import {
  added,
  type Change,
  hadamard,
  kroneckerProduct,
  lowRank,
  replacedBy,
  withDoraScale,
  withRowMagnitudes,
} from "./change.ts";
import type { Role } from "./keys.ts";
import { type Matrix, multiply } from "./matrix.ts";

/** The tensors of an adapter file that belong to one layer. */
export type LayerTensors = ReadonlyMap<Role, Weight>;

/** The changes to a layer's weight and bias. */
export interface LayerChanges {
  readonly weight?: Change;
  readonly bias?: Change;
}

/**
 * The changes that the tensors make to the layer. Alpha comes from the metadata of the file, else from `.alpha`; without it the scale is 1.
 * For LoKr it applies only if a factor is low-rank. Model spec 8.3 and 8.4.
 *
 * @param scaleOfRank the scale for a layer of this rank from the file's metadata, if any
 */
export function layerChanges(
  tensors: LayerTensors,
  scaleOfRank: (rank: number) => number | undefined,
  { read, readNumber }: Pick<TensorReader, "read" | "readNumber">,
): LayerChanges {
  const matrix = (role: Role): Matrix => {
    const tensor = tensors.get(role)!;
    return { data: read(tensor), rows: tensor.shape[0]!, columns: tensor.shape[1] ?? 1 };
  };
  const values = (role: Role) => read(tensors.get(role)!);
  const alpha = tensors.has("alpha") ? readNumber(tensors.get("alpha")!) : undefined;
  const scaleFor = (rank: number) => scaleOfRank(rank) ?? (alpha === undefined ? 1 : alpha / rank);
  const factor = (whole: Role, a: Role, b: Role) =>
    tensors.has(whole) ? matrix(whole) : multiply(matrix(a), matrix(b));

  let rank = 1;
  let weight: Change | undefined;
  if (tensors.has("down")) {
    const [up, down] = [matrix("up"), matrix("down")];
    rank = down.rows;
    const change = lowRank(up, down, scaleFor(rank));
    weight = isDecomposed(tensors) ? decomposed(() => multiply(change.up, down), tensors, values) : change;
  } else if (tensors.has("hadaW1a")) {
    rank = tensors.get("hadaW1b")!.shape[0]!;
    const pair = (a: Role, b: Role): [Matrix, Matrix] => [matrix(a), matrix(b)];
    const [first, second] = [pair("hadaW1a", "hadaW1b"), pair("hadaW2a", "hadaW2b")];
    const scale = scaleFor(rank);
    weight = decomposed(() => hadamard(first, second, scale), tensors, values);
  } else if (tensors.has("w1") || tensors.has("w1a")) {
    const inner = tensors.get("w2b") ?? tensors.get("w1b");
    rank = inner?.shape[0] ?? 1;
    const [w1, w2] = [factor("w1", "w1a", "w1b"), factor("w2", "w2a", "w2b")];
    const scale = inner ? scaleFor(rank) : 1;
    weight = decomposed(() => kroneckerProduct(w1, w2, scale), tensors, values);
  }
  if (tensors.has("diff")) weight = added(constant(values("diff")));
  if (tensors.has("set")) weight = replacedBy(values("set"));

  let bias: Change | undefined;
  if (tensors.has("diffBias")) bias = added(constant(values("diffBias")));
  else if (tensors.has("bias")) bias = added(constant(values("bias").map((b) => b * scaleFor(rank))));
  return { weight, bias };
}

function isDecomposed(tensors: LayerTensors): boolean {
  return tensors.has("magnitude") || tensors.has("doraScale");
}

const constant = (values: Float32Array) => () => values;

/** The difference, with the magnitudes of the file if it has them. */
function decomposed(difference: () => Matrix, tensors: LayerTensors, values: (role: Role) => Float32Array): Change {
  if (tensors.has("magnitude")) return withRowMagnitudes(difference, values("magnitude"));
  if (!tensors.has("doraScale")) return added(() => difference().data);
  const [, width = 1] = tensors.get("doraScale")!.shape; // [out, 1] or [1, in]
  return withDoraScale(difference, values("doraScale"), width === 1 ? "rows" : "columns");
}

/**
 * Why these tensors do not fit the layer; undefined when they do.
 * @param weight shape of the layer's weight, [out, in] or [features]
 */
export function mismatch(
  tensors: LayerTensors,
  weight: readonly number[],
  bias: number | undefined,
): string | undefined {
  const size = weight.reduce((product, n) => product * n, 1);
  const [out, width = 1] = weight;
  const shapeOf = (role: Role) => tensors.get(role)?.shape;
  const elements = (role: Role) => shapeOf(role)?.reduce((product, n) => product * n, 1);
  const product = (a: Role, b: Role) => {
    const [left, right] = [shapeOf(a), shapeOf(b)];
    if (left?.length !== 2 || right?.length !== 2 || left[1] !== right[0]) return undefined;
    return [left[0]!, right[1]!] as const;
  };
  const same = (shape: readonly number[] | undefined) => shape?.[0] === out && shape?.[1] === width;
  const factor = (whole: Role, a: Role, b: Role) => shapeOf(whole) ?? product(a, b);

  const unlike = (role: Role) => `${role} is [${shapeOf(role)}], the layer is [${weight}]`;
  if ((tensors.has("down") || tensors.has("up")) && !same(product("up", "down"))) {
    return `up [${shapeOf("up") ?? "missing"}] · down [${shapeOf("down") ?? "missing"}] is not [${weight}]`;
  }
  const loha = ["hadaW1a", "hadaW1b", "hadaW2a", "hadaW2b"] as const;
  if (loha.some((role) => tensors.has(role)) && !(same(product(loha[0], loha[1])) && same(product(loha[2], loha[3])))) {
    return `hada matrices do not multiply to [${weight}]`;
  }
  const lokr = ["w1", "w1a", "w1b", "w2", "w2a", "w2b"] as const;
  if (lokr.some((role) => tensors.has(role))) {
    const [w1, w2] = [factor("w1", "w1a", "w1b"), factor("w2", "w2a", "w2b")];
    if (w1?.length !== 2 || w2?.length !== 2 || !same([w1[0]! * w2[0]!, w1[1]! * w2[1]!])) {
      return `lokr factors [${w1}] and [${w2}] do not multiply to [${weight}]`;
    }
  }
  for (const role of ["diff", "set"] as const) if (tensors.has(role) && elements(role) !== size) return unlike(role);
  for (const role of ["bias", "diffBias"] as const)
    if (tensors.has(role) && elements(role) !== bias) return unlike(role);
  if (tensors.has("magnitude") && elements("magnitude") !== out) return unlike("magnitude");
  if (tensors.has("doraScale") && ![out, width].includes(elements("doraScale")!)) return unlike("doraScale");
  const harmless: Role[] = ["alpha", "doraScale", "magnitude"];
  if ([...tensors.keys()].every((role) => harmless.includes(role))) return "its matrix is missing";
  return undefined;
}
