import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { AnyTensor, HostTensor, SessionOptions, Transfers } from "../../onnx/index.ts";
import { sessionPool, transfers } from "../../onnx/index.ts";
import { fileIdentity, openWeights, type Weights } from "../../weights/index.ts";
import { readConfig, type TransformerConfig } from "../checkpoint/config.ts";
import { buildTimeGraph, timeFeatures } from "../modulations.ts";
import type { RotaryTable } from "../rope.ts";
import { type ControlNetConfig, checkFits, controlNetConfig } from "./config.ts";
import { buildControlNet } from "./graph.ts";

/** Inputs of a ControlNet for one step. */
export interface ControlPass {
  readonly latents: AnyTensor; // [1, L, 4C]
  readonly guide: HostTensor; // [1, L, 4C] or [1, L, 4C + 4]
  readonly text: HostTensor; // [1, T, features]
  readonly rotary: RotaryTable;
  readonly modulation: Float32Array;
  /** One factor for each residual. */
  readonly strengths: Float32Array;
}

/** A ControlNet, loaded. */
export interface ControlNet {
  /** Number of residuals: one for each block. */
  readonly residuals: number;
  /** True when it needs a mask with the guide. */
  readonly inpainting: boolean;
  /** Noise levels → one row of modulations each. */
  modulations(sigmas: readonly number[]): Promise<Float32Array[]>;
  run(pass: ControlPass): Promise<AnyTensor[]>; // [1, L, dim] each; on a GPU they stay there, and the caller frees them
}

/** ControlNets for one checkpoint. The least recently used are released when they take too much memory. */
export interface ControlNetLibrary {
  /**
   * Opens the ControlNet in a folder. It is read again after its files changed.
   * @throws CheckpointError when the folder holds no ControlNet, or one for another checkpoint
   */
  open(folder: string): Promise<ControlNet>;
  /** Keeps all ControlNets that `work`, one request, uses until it ends, even if they exceed the memory limit. */
  during<T>(work: () => Promise<T>): Promise<T>;
  dispose(): Promise<void>;
}

const MEMORY = 2 * 2 ** 30;

interface Opened {
  /** Identity of the files that were read. */
  readonly identity: string;
  readonly config: ControlNetConfig;
  readonly weights: Weights;
}

/**
 * @param memory bytes of float32 weights to keep for the next request
 * @param moved transfers of all networks on the device, so that shared inputs are uploaded once
 */
export function controlNetLibrary(
  transformer: TransformerConfig,
  options: SessionOptions,
  memory = MEMORY,
  moved: Transfers = transfers(options.device),
): ControlNetLibrary {
  const pool = sessionPool(memory, options);
  const opened = new Map<string, Opened>();

  const read = async (folder: string): Promise<Opened> => {
    const identity = await identityOf(folder);
    const known = opened.get(folder);
    if (known?.identity === identity) return known;
    const config = await readConfig(join(folder, "config.json"), controlNetConfig);
    checkFits(folder, config, transformer);
    return { identity, config, weights: await openWeights(folder, "diffusion_pytorch_model") };
  };

  return {
    async open(folder) {
      const net = await read(folder);
      opened.set(folder, net);
      const { identity, config, weights } = net;
      const { num_layers: residuals } = config;
      return {
        residuals,
        inpainting: config.extra_condition_channels > 0,
        async modulations(sigmas) {
          const build = () => buildTimeGraph(config, weights, { head: false });
          const { modulation } = await pool.run(identity, "time", build, { features: timeFeatures(sigmas) });
          const width = modulation!.dims[1]!;
          return sigmas.map((_, i) => modulation!.data.subarray(i * width, (i + 1) * width));
        },
        async run({ rotary, modulation, strengths, ...tensors }) {
          const feeds = await moved.upload({
            ...tensors,
            ...rotary,
            modulation: { data: modulation, dims: [modulation.length] },
            strengths: { data: strengths, dims: [strengths.length] },
          });
          const build = () => buildControlNet(config, weights, options.device);
          const outputs = await pool.run<AnyTensor>(identity, "net", build, feeds);
          return Array.from({ length: residuals }, (_, i) => outputs[`residual/${i}`]!);
        },
      };
    },
    during: pool.during,
    dispose: () => pool.clear(),
  };
}

/** Identity of all files in the folder that affect the ControlNet. */
async function identityOf(folder: string): Promise<string> {
  const names = await readdir(folder).catch(() => []); // reading the folder later gives the error
  const files = names.filter((name) => /\.(json|safetensors)$/.test(name)).sort();
  return JSON.stringify(await Promise.all(files.map((name) => fileIdentity(join(folder, name)))));
}
