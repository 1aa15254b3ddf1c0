import {
  type BuiltGraph,
  type Device,
  type FedWeights,
  Graph,
  type HostTensor,
  linear,
  type SessionOptions,
  sessionPool,
  silu,
} from "../onnx/index.ts";
import type { Weights } from "../weights/index.ts";
import type { TransformerConfig } from "./checkpoint/config.ts";
import { type BlockSizes, modulationCount } from "./transformer-block.ts";
import { type Attachments, VARIANT_BYTES, variantKey } from "./transformer-chain.ts";

const FEATURES = 256;

/**
 * Sinusoidal features of the noise levels: [N, 256], cosines first.
 * Every operation rounds to float32, in the order of diffusers: at angles near 1000 the order of the two products affects the 5th digit.
 *
 * @param sigmas noise levels, 0…1
 */
export function timeFeatures(sigmas: readonly number[]): HostTensor {
  const half = FEATURES / 2;
  const data = new Float32Array(sigmas.length * FEATURES);
  sigmas.forEach((sigma, row) => {
    // The reference scales σ to a timestep and back, and rounds twice.
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

/** True for tensors of the time graph: those that depend on the noise level alone, not on the step's latents. */
export function isTimeTensor(name: string): boolean {
  return /^time_text_embed\.|^norm_out\.linear\.|\.(?:img_mod|txt_mod)\./.test(name);
}

interface TimeGraphOptions {
  /** Blocks `from` up to but not including `to`. Default: all. */
  readonly from?: number;
  readonly to?: number;
  /** True: the head's modulations come last. Default: true. A ControlNet has none. */
  readonly head?: boolean;
  readonly fed?: FedWeights;
  readonly device?: Device;
}

/**
 * Computes the modulations of all blocks, or of some. They depend on the noise level alone, so this graph runs once for each schedule, not
 * for each step. In the 20B checkpoint a third of the weights never enters the step loop.
 *
 * Input: `features` [N, 256]. Outputs: `modulation` [N, modulationCount · dim], block by block as
 * (image, text) × (shift, 1+scale, gate, shift, 1+scale, gate), then the head's (1+scale, shift); `embedding` [N, dim].
 */
export function buildTimeGraph(
  config: BlockSizes,
  weights: Weights,
  { from = 0, to = config.num_layers, head = true, fed, device }: TimeGraphOptions = {},
): BuiltGraph {
  const g = new Graph("time embedding", weights, fed, device);
  const dim = config.num_attention_heads * config.attention_head_dim;
  const features = g.input("features", ["N", FEATURES]);
  const name = "time_text_embed.timestep_embedder";
  const hidden = silu(g, linear(g, features, `${name}.linear_1`, FEATURES, dim));
  const embedding = linear(g, hidden, `${name}.linear_2`, dim, dim); // [N, dim]
  const activated = silu(g, embedding);

  // LayerNorm multiplies by 1 + scale. The 1 is added here once, instead of in every step.
  const blockOnes = g.floats(Array.from({ length: 6 * dim }, (_, i) => (Math.floor(i / dim) % 3 === 1 ? 1 : 0)));
  const parts = [];
  for (let i = from; i < to; i++) {
    for (const stream of ["img_mod", "txt_mod"]) {
      const modulation = linear(g, activated, `transformer_blocks.${i}.${stream}.1`, dim, 6 * dim);
      parts.push(g.op("Add", [modulation, blockOnes]));
    }
  }
  if (head) {
    const headOnes = g.floats(Array.from({ length: 2 * dim }, (_, i) => (i < dim ? 1 : 0)));
    parts.push(g.op("Add", [linear(g, activated, "norm_out.linear", dim, 2 * dim), headOnes]));
  }
  g.output("modulation", g.op("Concat", parts, { axis: 1 }), [
    "N",
    modulationCount({ ...config, num_layers: to - from }, head) * dim,
  ]);
  g.output("embedding", embedding, ["N", dim]);
  return g.build();
}

/** The time graph, and its variants for adapters that change it. */
export interface TimeModulations {
  /** Noise levels → one row of modulations each. */
  run(sigmas: readonly number[], attachments?: Attachments): Promise<Float32Array[]>;
  dispose(): Promise<void>;
}

/** @param plan.keep true keeps its sessions between schedules; the weights of the 20B checkpoint take 27 GB in float32 */
export async function timeModulations(
  config: TransformerConfig,
  weights: Weights,
  { perSession, keep }: { readonly perSession: number; readonly keep: boolean },
  options: SessionOptions,
): Promise<TimeModulations> {
  const pool = sessionPool(VARIANT_BYTES, options);
  const { num_layers: layers } = config;
  const pieces: { from: number; to: number; head: boolean }[] = [];
  for (let from = 0; from < layers; from += perSession) {
    const to = Math.min(layers, from + perSession);
    pieces.push({ from, to, head: to === layers });
  }
  const { device } = options;
  const build = (piece: TimeGraphOptions, attachments?: Attachments) => () =>
    buildTimeGraph(config, weights, { ...piece, fed: attachments?.fed, device });
  const key = ({ from, to }: { from: number; to: number }) => `time ${from}…${to}`;
  if (keep) for (const piece of pieces) await pool.prepare(variantKey(undefined), key(piece), build(piece));
  return {
    async run(sigmas, attachments) {
      const feeds = { features: timeFeatures(sigmas), ...attachments?.feeds };
      const width = modulationCount(config, true) * config.num_attention_heads * config.attention_head_dim;
      const rows = sigmas.map(() => new Float32Array(width));
      let at = 0;
      for (const piece of pieces) {
        const outputs = await pool.run(variantKey(attachments), key(piece), build(piece, attachments), feeds);
        const { data, dims } = outputs.modulation!;
        const part = dims[1]!;
        rows.forEach((row, i) => {
          row.set(data.subarray(i * part, (i + 1) * part), at);
        });
        at += part;
        if (!keep) await pool.clear();
      }
      return rows;
    },
    dispose: () => pool.clear(),
  };
}

/**
 * Computes the modulations of these levels in one run. Other levels, which a solver may request, are computed on request.
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
