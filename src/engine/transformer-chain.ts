import type { AnyTensor, FedWeights, Feeds, HostTensor, SessionOptions } from "../onnx/index.ts";
import { freeAll, isOnDevice, type SessionPool, sessionPool, transfers } from "../onnx/index.ts";
import type { Weights } from "../weights/index.ts";
import type { TransformerConfig } from "./checkpoint/config.ts";
import type { RotaryTable } from "./rope.ts";
import { buildTransformer, type Part } from "./transformer.ts";

/** One prediction: the latents, the prompt, and the noise level. */
export interface Pass {
  readonly latents: HostTensor; // [B, L, 4C]
  readonly text: HostTensor; // [B, T, features]
  readonly rotary: RotaryTable;
  /** One row of the time graph. */
  readonly modulation: Float32Array;
  /** With `zero_cond_t`: tokens from `from` are free of noise, and `modulation` is their row. Default: no such tokens. */
  readonly clean?: { readonly from: number; readonly modulation: Float32Array };
  readonly attachments?: Attachments | undefined;
}

/** Inputs of adapters and ControlNets for a pass. They decide which variant of the graphs runs. */
export interface Attachments {
  readonly fed?: FedWeights;
  /** Numbers of ControlNet residuals, as in `buildTransformer`. */
  readonly controls?: readonly number[];
  /** The graphs' additional inputs. */
  readonly feeds: Readonly<Record<string, HostTensor>>;
}

/** Both streams between two blocks. After the last block the text is not needed. */
export interface HostStreams {
  readonly image: HostTensor; // [B, L, dim]
  readonly text?: HostTensor; // [B, T, dim]
}

/**
 * The transformer as a chain of graphs. It is one graph until a step cache splits it. A cut is a number of blocks: the position after them.
 * Cuts do not change a bit of the result, so the weights are never copied for them. A large transformer is cut from the start: see
 * `MemoryPlan.perSession`.
 */
export interface TransformerChain {
  readonly blocks: number;
  readonly config: TransformerConfig;
  /** Cuts the chain at these positions too. The cuts stay for later caches. */
  openAt(cuts: readonly number[]): Promise<void>;
  velocity(pass: Pass): Promise<Float32Array>; // [B, L, 4C]
  /** From the latents to a cut. */
  begin(pass: Pass, to: number): Promise<HostStreams>;
  between(pass: Pass, streams: HostStreams, from: number, to: number): Promise<HostStreams>;
  /** From a cut to the velocity. */
  finish(pass: Pass, streams: HostStreams, from: number): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** Most bytes of weights in graph variants. Below it, switching adapters or ControlNets on and off is free. */
export const VARIANT_BYTES = 2 * 2 ** 30;

/**
 * Loads the transformer.
 * @param perSession largest number of blocks in one graph
 * @throws CheckpointError when a tensor is missing or has another shape
 */
export async function transformerChain(
  config: TransformerConfig,
  weights: Weights,
  perSession: number,
  options: SessionOptions,
): Promise<TransformerChain> {
  const blocks = config.num_layers;
  const pool: SessionPool = sessionPool(VARIANT_BYTES, options);
  const moved = transfers(options.device);
  let cuts: number[] = []; // ascending
  for (let cut = perSession; cut < blocks; cut += perSession) cuts.push(cut);
  const part = (i: number): Part => ({
    stem: i === 0,
    from: cuts[i - 1] ?? 0,
    to: cuts[i] ?? blocks,
    head: i === cuts.length,
  });
  const graph = (piece: Part, { fed, controls }: Partial<Attachments>) =>
    buildTransformer(config, weights, { part: piece, fed, controls, device: options.device });
  for (const piece of [...cuts, blocks].map((_, i) => part(i))) {
    await pool.prepare(variantKey(undefined), partKey(piece), () => graph(piece, {}));
  }

  /**
   * Runs the pieces from the first up to the last; what the last gave. On a GPU the streams stay there between the pieces, and what
   * every piece or pass reads alike is uploaded once.
   */
  const run = async (pass: Pass, streams: HostStreams | undefined, first: number, last: number) => {
    const { latents, text, rotary, modulation, attachments } = pass;
    const shared = await moved.upload({
      ...{ text, ...rotary, modulation: { data: modulation, dims: [modulation.length] } },
      ...(config.zero_cond_t && cleanTokens(pass)),
      ...attachments?.feeds,
    });
    const pieces = Array.from({ length: last - first + 1 }, (_, i) => part(first + i));
    let outputs: Record<string, AnyTensor> = {};
    let between: Feeds = streams ? fedStreams(streams) : {};
    for (const piece of pieces) {
      const build = () => graph(piece, attachments ?? {});
      const feeds = { latents, ...shared, ...between };
      try {
        outputs = await pool.run<AnyTensor>(variantKey(attachments), partKey(piece), build, feeds);
      } finally {
        for (const tensor of Object.values(between)) if (isOnDevice(tensor)) tensor.free();
      }
      between = piece.head ? {} : fedStreams(streamsOf(outputs));
    }
    return outputs;
  };
  const toHost = async (outputs: Record<string, AnyTensor>): Promise<HostStreams> => {
    const { image, text } = streamsOf(outputs);
    return { image: await moved.download(image), ...(text && { text: await moved.download(text) }) };
  };
  const velocity = async (outputs: Record<string, AnyTensor>) => (await moved.download(outputs.velocity!)).data;
  const pieceEndingAt = (cut: number) => {
    const i = cuts.indexOf(cut);
    if (i < 0) throw new Error(`the transformer is not cut at ${cut}`);
    return i;
  };

  return {
    blocks,
    config,
    async openAt(wanted) {
      const joined = [...new Set([...cuts, ...wanted])].sort((a, b) => a - b);
      if (joined.length === cuts.length) return;
      cuts = joined;
      await pool.clear();
    },
    velocity: async (pass) => velocity(await run(pass, undefined, 0, cuts.length)),
    begin: async (pass, to) => toHost(await run(pass, undefined, 0, pieceEndingAt(to))),
    between: async (pass, streams, from, to) =>
      from === to ? streams : toHost(await run(pass, streams, pieceEndingAt(from) + 1, pieceEndingAt(to))),
    finish: async (pass, streams, from) => velocity(await run(pass, streams, pieceEndingAt(from) + 1, cuts.length)),
    dispose: () => freeAll([pool.clear, moved.dispose]),
  };
}

function cleanTokens({ latents, modulation, clean = { from: Number.POSITIVE_INFINITY, modulation } }: Pass): Feeds {
  const [batch, tokens] = latents.dims as [number, number];
  const isClean = BigInt64Array.from({ length: batch * tokens }, (_, i) => (i % tokens >= clean.from ? 1n : 0n));
  return {
    "modulation/clean": { data: clean.modulation, dims: [clean.modulation.length] },
    clean: { data: isClean, dims: [isClean.length] },
  };
}

/** Both streams, on the host or on the device. */
interface Streams {
  readonly image: AnyTensor;
  readonly text?: AnyTensor | undefined;
}

function streamsOf(outputs: Record<string, AnyTensor>): Streams {
  return { image: outputs["image/out"]!, text: outputs["text/out"] };
}

function fedStreams({ image, text }: Streams): Feeds {
  return text ? { "image/in": image, "text/in": text } : { "image/in": image };
}

/** Name of a variant by the weights and residuals in its feeds. */
export function variantKey(attachments: Attachments | undefined): string {
  const { fed, controls = [] } = attachments ?? {};
  return JSON.stringify([[...(fed?.replaced ?? [])].sort(), [...(fed?.lowRank ?? [])].sort(), controls]);
}

function partKey({ stem, from, to, head }: Part): string {
  return `${stem ? "stem " : ""}${from}…${to}${head ? " head" : ""}`;
}
