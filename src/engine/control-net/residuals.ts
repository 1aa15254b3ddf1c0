import { type AnyTensor, free, type HostTensor } from "../../onnx/index.ts";
import type { Arithmetic } from "../arithmetic/arithmetic.ts";
import { ParameterError } from "../check.ts";
import type { LatentGrid } from "../latents.ts";
import type { Model } from "../model.ts";
import { modulationTable } from "../modulations.ts";
import type { RotaryTable } from "../rope.ts";
import { sum } from "../step-cache/step-cache.ts";
import type { Attachments } from "../transformer-chain.ts";
import { encodeGuide } from "./guide.ts";
import type { ControlNet } from "./library.ts";
import type { ControlParams } from "./params.ts";

/** The prompt for the ControlNets. They do not see the negative prompt. */
interface Prompt {
  readonly text: HostTensor;
  readonly rotary: RotaryTable;
}

/** Residuals of the ControlNets for the two guidance passes of a step. */
export interface PassResiduals {
  readonly positive: Attachments;
  readonly negative: Attachments;
  /** Frees what is on a device. */
  free(): void;
}

/**
 * Runs the ControlNets that are active in this step; undefined when none is.
 * @param among indices of those that take part; default: all
 */
export type ControlResiduals = (
  latents: AnyTensor,
  sigma: number,
  step: number,
  among?: readonly number[],
) => Promise<PassResiduals | undefined>;

interface Control {
  readonly index: number;
  readonly net: ControlNet;
  readonly guide: HostTensor;
  readonly strengths: Float32Array;
  readonly modulation: (sigma: number) => Promise<Float32Array>;
  readonly params: ControlParams;
  readonly blamed: ReturnType<typeof blaming>;
}

/**
 * Opens the ControlNets and encodes their guides. A ControlNet is active from step `start` up to but not including `end`, and costs nothing
 * in other steps. Residuals of several ControlNets are added.
 *
 * @param sigmas of the schedule, steps + 1
 * @throws ParameterError naming the ControlNet that cannot be used
 */
export async function controlResiduals(
  model: Model,
  grid: LatentGrid,
  controls: readonly ControlParams[],
  sigmas: readonly number[],
  prompt: Prompt,
): Promise<ControlResiduals> {
  const { arithmetic } = model;
  const zeros = zeroTensors();
  const ready: Control[] = [];
  for (const [index, params] of controls.entries()) {
    if (params.weight === 0) continue;
    const blamed = blaming(`controls[${index}].folder`);
    const net = await blamed(() => model.controlNets.open(params.folder));
    const { inpainting } = net;
    if (inpainting && !params.mask) {
      throw new ParameterError(
        `controls[${index}].mask`,
        `controls[${index}].mask is missing; an inpainting ControlNet needs it`,
      );
    }
    const levels = sigmas.slice(0, -1).filter((_, step) => acts(params, step));
    const modulation = await blamed(() => modulationTable(net.modulations, levels));
    ready.push({
      ...{ index, net, params, blamed },
      guide: await encodeGuide(model, grid, params, inpainting ? params.mask : undefined),
      strengths: strengths(params, net.residuals),
      modulation,
    });
  }

  return async (latents, sigma, step, among) => {
    const positive = residualSums(arithmetic);
    const negative = residualSums(arithmetic);
    for (const { index, net, guide, strengths, modulation, params, blamed } of ready) {
      if (!acts(params, step) || among?.includes(index) === false) continue;
      const residuals = await blamed(async () => {
        const outputs = await net.run({ latents, guide, ...prompt, modulation: await modulation(sigma), strengths });
        for (const output of outputs) {
          if (await arithmetic.allFinite(output)) continue;
          outputs.forEach(free);
          throw new Error(`${params.folder}: the ControlNet computes NaN or infinity`);
        }
        return outputs;
      });
      await positive.add(residuals);
      await negative.add(params.mode === "controlnet" ? residuals.map(zeros) : residuals);
    }
    if (positive.empty()) return undefined;
    return {
      ...{ positive: positive.attachments(), negative: negative.attachments() },
      free() {
        positive.free();
        negative.free();
      },
    };
  };
}

/** Reports every error of the work as the ControlNet's. */
function blaming(parameter: string) {
  return async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      throw new ParameterError(parameter, `${parameter}: ${(cause as Error).message}`);
    }
  };
}

/** True when a ControlNet acts in a step. */
export function acts({ start = 0, end = Number.POSITIVE_INFINITY }: ControlParams, step: number): boolean {
  return step >= start && step < end;
}

/**
 * One factor for each residual. In mode `prompt` the first residual keeps a tenth and the last one everything. These are the thirteen
 * "soft weights" 0.825^12 … 1 of sd-webui-controlnet, spread over the residuals of this ControlNet.
 */
function strengths({ weight = 1, mode }: ControlParams, residuals: number): Float32Array {
  const depth = (i: number) => (residuals === 1 ? 1 : i / (residuals - 1));
  return Float32Array.from(
    { length: residuals },
    (_, i) => weight * (mode === "prompt" ? 0.825 ** (12 * (1 - depth(i))) : 1),
  );
}

/** Zeros in the shape of a tensor: one array for all of one size, so that it is uploaded once. */
function zeroTensors(): (like: AnyTensor) => HostTensor {
  const arrays = new Map<number, Float32Array>();
  return ({ dims }) => {
    const size = dims.reduce((product, count) => product * count, 1);
    const data = arrays.get(size) ?? new Float32Array(size);
    arrays.set(size, data);
    return { data, dims };
  };
}

/** Adds residuals of ControlNets with the same number of them. The transformer spreads each number over its blocks. */
function residualSums(arithmetic: Arithmetic) {
  const sums = new Map<number, AnyTensor[]>();
  const all = new Set<AnyTensor>();
  return {
    async add(residuals: readonly AnyTensor[]) {
      const before = sums.get(residuals.length);
      const now: AnyTensor[] = [];
      for (const [j, residual] of residuals.entries())
        now.push(before ? await sum(arithmetic, before[j]!, residual) : residual);
      for (const tensor of [...residuals, ...now]) all.add(tensor);
      sums.set(residuals.length, now);
    },
    free: () => all.forEach(free),
    empty: () => sums.size === 0,
    attachments(): Attachments {
      const feeds = [...sums].flatMap(([count, tensors]) =>
        tensors.map((tensor, j) => [`control/${count}/${j}`, tensor] as const),
      );
      return { controls: [...sums.keys()], feeds: Object.fromEntries(feeds) };
    },
  };
}
