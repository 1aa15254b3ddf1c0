import type { TransformerConfig } from "../checkpoint/config.ts";
import type { Weights } from "../checkpoint/weights.ts";
import type { SessionOptions } from "../runtime/session.ts";
import { sessionPool } from "../runtime/session-pool.ts";
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
  const build = (attachments?: Attachments) => () => buildTimeGraph(config, weights, attachments?.fed);
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
