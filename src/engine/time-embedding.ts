import type { HostTensor } from "../onnx/index.ts";
import { type BuiltGraph, type FedWeights, Graph, linear, silu } from "../onnx/index.ts";
import type { Weights } from "../weights/index.ts";
import type { TransformerConfig } from "./checkpoint/config.ts";

const FEATURES = 256;

/**
 * Sinusoidal features of the noise levels: [N, 256], cosines first.
 * Float32 after every operation, in diffusers' order: at angles near 1000 the order of the two products shows in the 5th digit.
 *
 * @param sigmas noise levels, 0…1
 */
export function timeFeatures(sigmas: readonly number[]): HostTensor {
  const half = FEATURES / 2;
  const data = new Float32Array(sigmas.length * FEATURES);
  sigmas.forEach((sigma, row) => {
    // The reference scales σ to a timestep and back, rounding twice.
    const time = Math.fround(Math.fround(sigma * 1000) / 1000);
    for (let i = 0; i < half; i++) {
      const frequency = Math.fround(Math.exp(Math.fround(Math.fround(Math.fround(-Math.log(10_000)) * i) / half)));
      const angle = Math.fround(1000 * Math.fround(time * frequency));
      data[row * FEATURES + i] = Math.cos(angle);
      data[row * FEATURES + half + i] = Math.sin(angle);
    }
  });
  return { data, dims: [sigmas.length, FEATURES] };
}

/** Modulation vectors per noise level: shift, scale, gate twice for both streams of every block, scale and shift of the head. */
export function modulationCount({ num_layers: layers }: TimeConfig, head: boolean): number {
  return layers * 12 + (head ? 2 : 0);
}

/** The sizes that the transformer and its ControlNets name alike. */
export type TimeConfig = Pick<TransformerConfig, "num_layers" | "num_attention_heads" | "attention_head_dim">;

/**
 * All modulations of the transformer, which depend on the noise level alone: run once per schedule, not once per step
 * (in the 20B checkpoint a third of the weights never enter the step loop).
 *
 * Input: `features` [N, 256]. Outputs: `modulation` [N, modulationCount · dim], block by block as
 * (image, text) × (shift, 1+scale, gate, shift, 1+scale, gate), then the head's (1+scale, shift); `embedding` [N, dim].
 *
 * @param options.head false for a ControlNet, which has none
 */
export function buildTimeGraph(
  config: TimeConfig,
  weights: Weights,
  { head = true, fed }: { head?: boolean; fed?: FedWeights | undefined } = {},
): BuiltGraph {
  const g = new Graph("time embedding", weights, fed);
  const dim = config.num_attention_heads * config.attention_head_dim;
  const features = g.input("features", ["N", FEATURES]);
  const name = "time_text_embed.timestep_embedder";
  const hidden = silu(g, linear(g, features, `${name}.linear_1`, FEATURES, dim));
  const embedding = linear(g, hidden, `${name}.linear_2`, dim, dim); // [N, dim]
  const activated = silu(g, embedding);

  // LayerNorm multiplies by 1 + scale: add the one here, once, instead of in every step.
  const blockOnes = g.floats(Array.from({ length: 6 * dim }, (_, i) => (Math.floor(i / dim) % 3 === 1 ? 1 : 0)));
  const parts = [];
  for (let i = 0; i < config.num_layers; i++) {
    for (const stream of ["img_mod", "txt_mod"]) {
      const modulation = linear(g, activated, `transformer_blocks.${i}.${stream}.1`, dim, 6 * dim);
      parts.push(g.op("Add", [modulation, blockOnes]));
    }
  }
  if (head) {
    const headOnes = g.floats(Array.from({ length: 2 * dim }, (_, i) => (i < dim ? 1 : 0)));
    parts.push(g.op("Add", [linear(g, activated, "norm_out.linear", dim, 2 * dim), headOnes]));
  }
  g.output("modulation", g.op("Concat", parts, { axis: 1 }), ["N", modulationCount(config, head) * dim]);
  g.output("embedding", embedding, ["N", dim]);
  return g.build();
}
