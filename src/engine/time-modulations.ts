import type { SessionOptions } from "../onnx/index.ts";
import { sessionPool } from "../onnx/index.ts";
import type { Weights } from "../weights/index.ts";
import type { TransformerConfig } from "./checkpoint/config.ts";
import { buildTimeGraph, timeFeatures } from "./time-embedding.ts";
import { type Attachments, VARIANT_BYTES, variantKey } from "./transformer-chain.ts";

/** The time graph, and its variants for adapters that reach it. */
export interface TimeModulations {
  /** Noise levels → one row of modulations each. */
  run(sigmas: readonly number[], attachments?: Attachments): Promise<Float32Array[]>;
  dispose(): Promise<void>;
}

export async function timeModulations(
  config: TransformerConfig,
  weights: Weights,
  options: SessionOptions,
): Promise<TimeModulations> {
  const pool = sessionPool(VARIANT_BYTES, options);
  const build = (attachments?: Attachments) => () => buildTimeGraph(config, weights, { fed: attachments?.fed });
  await pool.prepare(variantKey(undefined), "time", build());
  return {
    async run(sigmas, attachments) {
      const feeds = { features: timeFeatures(sigmas), ...attachments?.feeds };
      const { modulation } = await pool.run(variantKey(attachments), "time", build(attachments), feeds);
      const width = modulation!.dims[1]!;
      return sigmas.map((_, i) => modulation!.data.subarray(i * width, (i + 1) * width));
    },
    dispose: () => pool.clear(),
  };
}

/**
 * Computes the modulations of these levels in one run; others, which a solver may ask for in between, when they are asked for.
 * @param run noise levels → one row each
 */
export async function modulationTable(
  run: (sigmas: readonly number[]) => Promise<Float32Array[]>,
  sigmas: readonly number[],
): Promise<(sigma: number) => Promise<Float32Array>> {
  const rows = sigmas.length > 0 ? await run(sigmas) : [];
  const known = new Map(sigmas.map((sigma, i) => [sigma, rows[i]!]));
  return async (sigma) => {
    const modulation = known.get(sigma) ?? (await run([sigma]))[0]!;
    known.set(sigma, modulation);
    return modulation;
  };
}
