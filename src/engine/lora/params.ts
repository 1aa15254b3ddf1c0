import { check, checkNumber, checkOneOf } from "../check.ts";

/** A low-rank adapter (LoRA, or the related DoRA, LoHa, LoKr) for the transformer. */
export interface LoraParams {
  /** A safetensors file, in any common key grammar. */
  readonly file: string;
  /** -4…4; 0 turns it off. Default: 1. */
  readonly weight?: number;
  /**
   * The half of the steps in which it is active: the noisy first one (`high`), the second one (`low`) or both. Some video models have a
   * transformer for each half. Qwen-Image has one for both, so this sets the time only.
   */
  readonly transformer?: "high" | "low" | "both";
}

/** @throws ParameterError naming the parameter of the adapter */
export function checkLoras(loras: readonly LoraParams[]): void {
  loras.forEach(({ file, weight = 1, transformer = "both" }, i) => {
    const name = (part: keyof LoraParams) => `loras[${i}].${part}`;
    check(typeof file === "string" && file !== "", name("file"), file, "a path");
    checkNumber(name("weight"), weight, -4, 4);
    checkOneOf(name("transformer"), transformer, ["high", "low", "both"]);
  });
}
