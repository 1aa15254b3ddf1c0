import type { Role } from "./keys.ts";
import type { LayerTensors } from "./layer-adapter.ts";

/**
 * Why these tensors cannot be laid on the layer; undefined when they can.
 * @param weight shape of the layer's weight, [out, in] or [features]
 */
export function misfit(tensors: LayerTensors, weight: readonly number[], bias: number | undefined): string | undefined {
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
  if ([...tensors.keys()].every((role) => harmless.includes(role))) return "there is no matrix with it";
  return undefined;
}
