import { ParameterError } from "../check.ts";
import type { Model } from "../model.ts";
import { modulationTable } from "../modulations.ts";
import type { Attachments } from "../transformer-chain.ts";
import { LoraFileError } from "./changes.ts";
import type { LoraParams } from "./params.ts";

/** The transformer in some steps, with the adapters that are active there. */
export interface AdaptedTransformer {
  /** Modulations at a noise level: one row of the time graph. */
  modulation(sigma: number): Promise<Float32Array>;
  /** Additional inputs of every pass. */
  readonly attachments: Attachments | undefined;
}

/**
 * Prepares the adapters for both halves of a schedule. If the same ones are active in both, the halves share them.
 * @param sigmas of the schedule, steps + 1; all their modulations are computed in one run
 * @throws ParameterError naming the adapter that cannot be used
 */
export async function adaptTransformer(
  model: Model,
  loras: readonly LoraParams[],
  sigmas: readonly number[],
  warn: (message: string) => void,
): Promise<(step: number) => AdaptedTransformer> {
  const working = (half: "high" | "low") =>
    loras.filter(({ transformer = "both" }) => ["both", half].includes(transformer));
  const [high, low] = [working("high"), working("low")];
  const ready = (half: readonly LoraParams[]) =>
    withAdapters(model, half, sigmas, warn).catch((error) => refuse(error, loras));
  const first = await ready(high);
  const second = high.length === low.length && high.every((lora) => low.includes(lora)) ? first : await ready(low);
  const steps = sigmas.length - 1;
  return (step) => (step < steps / 2 ? first : second);
}

function refuse(error: unknown, loras: readonly LoraParams[]): never {
  if (!(error instanceof LoraFileError)) throw error;
  const name = `loras[${loras.findIndex(({ file }) => file === error.file)}].file`;
  throw new ParameterError(name, `${name}: ${error.message}`);
}

async function withAdapters(
  model: Model,
  loras: readonly LoraParams[],
  sigmas: readonly number[],
  warn: (message: string) => void,
): Promise<AdaptedTransformer> {
  const adaptation = await model.loras.adaptation(loras, warn);
  return {
    attachments: adaptation?.transformer,
    modulation: await modulationTable((levels) => model.modulations(levels, adaptation?.time), sigmas.slice(0, -1)),
  };
}
