import { join } from "node:path";
import { readConfig, type TransformerConfig } from "../checkpoint/config.ts";
import { openWeights, type Weights } from "../checkpoint/weights.ts";
import type { RotaryTable } from "../qwen-image/rope.ts";
import { buildTimeGraph, timeFeatures } from "../qwen-image/time-embedding.ts";
import type { HostTensor, SessionOptions } from "../runtime/session.ts";
import { sessionPool } from "../runtime/session-pool.ts";
import { type ControlNetConfig, checkFits, controlNetConfig } from "./config.ts";
import { buildControlNet } from "./graph.ts";

/** One step's question to a ControlNet. */
export interface ControlPass {
  readonly latents: HostTensor; // [1, L, 4C]
  readonly guide: HostTensor; // [1, L, 4C] or [1, L, 4C + 4]
  readonly text: HostTensor; // [1, T, features]
  readonly rotary: RotaryTable;
  readonly modulation: Float32Array;
  /** A factor for each residual. */
  readonly strengths: Float32Array;
}

export interface ControlNet {
  /** How many residuals it gives: one a block. */
  readonly residuals: number;
  /** Whether it wants a mask besides the guide. */
  readonly inpainting: boolean;
  /** Noise levels → one row of modulations each. */
  modulations(sigmas: readonly number[]): Promise<Float32Array[]>;
  run(pass: ControlPass): Promise<HostTensor[]>; // [1, L, dim] each
}

/** ControlNets for one checkpoint; the least recently used are given up when they take too much memory. */
export interface ControlNetLibrary {
  /** @throws CheckpointError when the folder holds no ControlNet, or one for another checkpoint */
  open(folder: string): Promise<ControlNet>;
  dispose(): Promise<void>;
}

/** Weights, in float32, that are kept for the next request. */
const MEMORY = 2 * 2 ** 30;

export function controlNetLibrary(transformer: TransformerConfig, options: SessionOptions): ControlNetLibrary {
  const pool = sessionPool(MEMORY, options);
  const opened = new Map<string, { config: ControlNetConfig; weights: Weights }>();

  const read = async (folder: string) => {
    const config = await readConfig(join(folder, "config.json"), controlNetConfig);
    checkFits(folder, config, transformer);
    return { config, weights: await openWeights(folder, "diffusion_pytorch_model") };
  };

  return {
    async open(folder) {
      const { config, weights } = opened.get(folder) ?? (await read(folder));
      opened.set(folder, { config, weights });
      const { num_layers: residuals } = config;
      return {
        residuals,
        inpainting: config.extra_condition_channels > 0,
        async modulations(sigmas) {
          const build = () => buildTimeGraph(config, weights, { head: false });
          const { modulation } = await pool.run(folder, "time", build, { features: timeFeatures(sigmas) });
          const width = modulation!.dims[1]!;
          return sigmas.map((_, i) => modulation!.data.subarray(i * width, (i + 1) * width));
        },
        async run({ rotary, modulation, strengths, ...tensors }) {
          const outputs = await pool.run(folder, "net", () => buildControlNet(config, weights), {
            ...tensors,
            ...rotary,
            modulation: { data: modulation, dims: [modulation.length] },
            strengths: { data: strengths, dims: [strengths.length] },
          });
          return Array.from({ length: residuals }, (_, i) => outputs[`residual/${i}`]!);
        },
      };
    },
    dispose: () => pool.clear(),
  };
}
