import { check, checkNumber, checkOneOf } from "../check.ts";

/** A low-rank adapter (LoRA, or one of its relatives DoRA, LoHa, LoKr) laid over the transformer. */
export interface LoraParams {
  /** A safetensors file, in any of the key grammars in use. */
  readonly file: string;
  /** -4…4; 0 leaves it out. Default 1. */
  readonly weight?: number;
  /**
   * In which half of the steps it works: the noisy first one (`high`), the second one (`low`) or both. Some video models have a
   * transformer for each half; here one does both, so this decides when, as it would there.
   */
  readonly transformer?: "high" | "low" | "both";
}

/** @throws ParameterError naming the adapter's setting that cannot be used */
export function checkLoras(loras: readonly LoraParams[]): void {
  loras.forEach(({ file, weight = 1, transformer = "both" }, i) => {
    const name = (part: keyof LoraParams) => `loras[${i}].${part}`;
    check(typeof file === "string" && file !== "", name("file"), file, "a path");
    checkNumber(name("weight"), weight, -4, 4);
    checkOneOf(name("transformer"), transformer, ["high", "low", "both"]);
  });
}
