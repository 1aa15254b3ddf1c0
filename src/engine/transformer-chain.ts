import type { AnyTensor, FedWeights, Feeds, HostTensor, SessionOptions, Transfers } from "../onnx/index.ts";
import { free, type SessionPool, sessionPool, transfers } from "../onnx/index.ts";
import type { Weights } from "../weights/index.ts";
import type { TransformerConfig } from "./checkpoint/config.ts";
import type { RotaryTable } from "./rope.ts";
import { buildTransformer, type Part } from "./transformer.ts";

/** One prediction: the latents, the prompt, and the noise level. */
export interface Pass {
  readonly latents: AnyTensor; // [B, L, 4C]
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
  readonly feeds: Readonly<Record<string, AnyTensor>>;
}

/** Both streams between two blocks. After the last block the text is not needed. */
export interface Streams {
  readonly image: AnyTensor; // [B, L, dim]
  readonly text?: AnyTensor | undefined; // [B, T, dim]
}

/**
 * The transformer as a chain of graphs. It is one graph until a step cache splits it. A cut is a number of blocks: the position after them.
 * Cuts do not change a bit of the result, so the weights are never copied for them. A large transformer is cut from the start: see
 * `MemoryPlan.perSession`.
 *
 * On a GPU streams and velocities stay there. The caller frees them.
 */
export interface TransformerChain {
  readonly blocks: number;
  readonly config: TransformerConfig;
  /** Cuts the chain at these positions too. The cuts stay for later caches. */
  openAt(cuts: readonly number[]): Promise<void>;
  velocity(pass: Pass): Promise<AnyTensor>; // [B, L, 4C]
  /** From the latents to a cut. */
  begin(pass: Pass, to: number): Promise<Streams>;
  between(pass: Pass, streams: Streams, from: number, to: number): Promise<Streams>;
  /** From a cut to the velocity. */
  finish(pass: Pass, streams: Streams, from: number): Promise<AnyTensor>;
  dispose(): Promise<void>;
}

/** Most bytes of weights in graph variants. Below it, switching adapters or ControlNets on and off is free. */
export const VARIANT_BYTES = 2 * 2 ** 30;

/**
 * Loads the transformer.
 * @param perSession largest number of blocks in one graph
 * @param moved transfers of all networks on the device, so that shared inputs are uploaded once
 * @throws CheckpointError when a tensor is missing or has another shape
 */
export async function transformerChain(
  config: TransformerConfig,
  weights: Weights,
  perSession: number,
  options: SessionOptions,
  moved: Transfers = transfers(options.device),
): Promise<TransformerChain> {
  const blocks = config.num_layers;
  const pool: SessionPool = sessionPool(VARIANT_BYTES, options);
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
   * Runs the pieces from the first to the last and returns the outputs of the last. Inputs that pieces or passes share are uploaded
   * once. Streams between the pieces are freed; the given ones stay.
   */
  const run = async (pass: Pass, streams: Streams | undefined, first: number, last: number) => {
    const { latents, text, rotary, modulation, attachments } = pass;
    const shared = await moved.upload({
      ...{ latents, text, ...rotary, modulation: { data: modulation, dims: [modulation.length] } },
      ...(config.zero_cond_t && cleanTokens(pass)),
      ...attachments?.feeds,
    });
    const pieces = Array.from({ length: last - first + 1 }, (_, i) => part(first + i));
    let outputs: Record<string, AnyTensor> = {};
    let between = streams;
    for (const piece of pieces) {
      const build = () => graph(piece, attachments ?? {});
      const feeds = { ...shared, ...(between && fedStreams(between)) };
      try {
        outputs = await pool.run<AnyTensor>(variantKey(attachments), partKey(piece), build, feeds);
      } finally {
        if (between && between !== streams) freeStreams(between);
      }
      between = piece.head ? undefined : streamsOf(outputs);
    }
    return outputs;
  };
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
    async velocity(pass) {
      moved.beginPass();
      return (await run(pass, undefined, 0, cuts.length)).velocity!;
    },
    async begin(pass, to) {
      moved.beginPass();
      return streamsOf(await run(pass, undefined, 0, pieceEndingAt(to)));
    },
    between: async (pass, streams, from, to) =>
      from === to ? streams : streamsOf(await run(pass, streams, pieceEndingAt(from) + 1, pieceEndingAt(to))),
    finish: async (pass, streams, from) => (await run(pass, streams, pieceEndingAt(from) + 1, cuts.length)).velocity!,
    dispose: pool.clear,
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

/** Frees streams that are on a device. */
export function freeStreams({ image, text }: Streams): void {
  free(image);
  if (text) free(text);
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
