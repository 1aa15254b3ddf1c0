import { ParameterError } from "../params.ts";
import type { LoraParams } from "./params.ts";

const MAX_WEIGHT = 4;

/** @throws ParameterError naming the adapter's setting that cannot be used */
export function checkLoras(loras: readonly LoraParams[]): readonly LoraParams[] {
  loras.forEach(({ file, weight = 1, transformer = "both" }, i) => {
    if (typeof file !== "string" || file === "") throw refused(i, "file", file, "a path");
    if (!(Math.abs(weight) <= MAX_WEIGHT))
      throw refused(i, "weight", weight, `a number from -${MAX_WEIGHT} to ${MAX_WEIGHT}`);
    if (!["high", "low", "both"].includes(transformer)) throw refused(i, "transformer", transformer, "high, low, both");
  });
  return loras;
}

function refused(index: number, part: string, value: unknown, allowed: string): ParameterError {
  const name = `loras[${index}].${part}`;
  return new ParameterError(name, `${name} is ${String(value)}; allowed: ${allowed}`);
}
