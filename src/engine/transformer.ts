import {
  type BuiltGraph,
  type Device,
  type FedWeights,
  Graph,
  linear,
  modulatedNorm,
  parts,
  shapeWith,
  type Value,
} from "../onnx/index.ts";
import type { Weights } from "../weights/index.ts";
import type { TransformerConfig } from "./checkpoint/config.ts";
import {
  type BlockContext,
  type BlockModulations,
  blockModulations,
  dualStreamBlock,
  EPS,
  embedInputs,
  type Modulation,
  modulationCount,
  type Streams,
  WIDE,
} from "./transformer-block.ts";

/** A part of the transformer: the stem if included, blocks `from` up to but not including `to`, and the head if included. */
export interface Part {
  readonly stem: boolean;
  readonly from: number;
  readonly to: number;
  readonly head: boolean;
}

/** Variants of the transformer graph. */
export interface TransformerOptions {
  /** Default: the whole transformer. */
  readonly part?: Part;
  /** Weights that every run feeds, instead of those of the checkpoint. */
  readonly fed?: FedWeights;
  readonly device?: Device;
  /** The numbers of residuals of ControlNets whose outputs are added between the blocks, each number once. */
  readonly controls?: readonly number[];
  /** Adds outputs `block/<i>/image` and `block/<i>/text`, to compare stage by stage. */
  readonly outputBlocks?: boolean;
}

/**
 * The dual-stream transformer, or a part of it. It predicts the velocity of packed latents.
 *
 * Inputs, if the part needs them:
 * - `latents` [B, L, in_channels] and `text` [B, T, joint_attention_dim]
 * - or the outputs of the part before, `image/in` [B, L, dim] and `text/in` [B, T, dim]
 * - `cos` and `sin` [T + L, headDim/2], text first
 * - `modulation` [modulationCount · dim], one row of the time graph
 * - `control/<n>/<j>` [B, L, dim], residual j of n
 * - with `zero_cond_t`: `modulation/clean`, the row of σ = 0, and `clean` [B·L] int64, 1 for the tokens that use it
 *
 * Outputs: `velocity` [B, L, patch² · out_channels], or `image/out` [B, L, dim] and (before the last block) `text/out` [B, T, dim].
 */
export function buildTransformer(
  config: TransformerConfig,
  weights: Weights,
  options: TransformerOptions = {},
): BuiltGraph {
  const { num_attention_heads: heads, attention_head_dim: headDim, num_layers: layers } = config;
  const { part = { stem: true, from: 0, to: layers, head: true }, fed, controls = [], outputBlocks, device } = options;
  const dim = heads * headDim;
  const g = new Graph(nameOf(part, layers), weights, fed, device);
  const start = part.stem ? stem(g, config, dim) : streamInputs(g, dim, part);
  const modulations = part.to > part.from || part.head ? splitModulations(g, config, part, dim) : undefined;

  let { streams } = start;
  if (part.to > part.from) {
    const context: BlockContext = {
      ...{ g, heads, headDim, dim },
      imageShape: start.imageShape,
      textShape: start.textShape!,
      textLength: g.op("Slice", [start.textShape!, g.ints([1]), g.ints([2])]),
      cos: g.input("cos", ["T+L", headDim / 2]),
      sin: g.input("sin", ["T+L", headDim / 2]),
    };
    const residuals = controlResiduals(g, controls, layers, dim);
    for (let i = part.from; i < part.to; i++) {
      const last = i === layers - 1;
      streams = dualStreamBlock(context, `transformer_blocks.${i}`, streams, modulations!.blocks[i - part.from]!, last);
      streams = { ...streams, image: residuals.after(i, streams.image) };
      if (outputBlocks) {
        g.output(`block/${i}/image`, streams.image, ["BL", dim]);
        if (!last) g.output(`block/${i}/text`, streams.text, ["BT", dim]);
      }
    }
  }

  if (part.head) {
    const channels = config.patch_size ** 2 * config.out_channels;
    const normed = modulatedNorm(g, streams.image, modulations!.head.scale, modulations!.head.shift, EPS);
    const velocity = linear(g, normed, "proj_out", dim, channels, WIDE);
    const leading = g.op("Slice", [start.imageShape, g.ints([0]), g.ints([2])]);
    const shape = g.op("Concat", [leading, g.ints([channels])], { axis: 0 });
    g.outputOnDevice("velocity", g.op("Reshape", [velocity, shape]), ["B", "L", channels]);
  } else {
    g.outputOnDevice("image/out", g.op("Reshape", [streams.image, start.imageShape]), ["B", "L", dim]);
    if (part.to < layers)
      g.outputOnDevice("text/out", g.op("Reshape", [streams.text, start.textShape!]), ["B", "T", dim]);
  }
  return g.build();
}

/** The streams at the start of a part and their shapes [B, L, dim] and [B, T, dim]. There is no text after the last block. */
interface Start {
  readonly streams: Streams;
  readonly imageShape: Value;
  readonly textShape?: Value;
}

function stem(g: Graph, config: TransformerConfig, dim: number): Start {
  const { in_channels: channels, joint_attention_dim: features } = config;
  const latents = g.input("latents", ["B", "L", channels]);
  const text = g.input("text", ["B", "T", features]);
  return {
    streams: embedInputs(g, latents, text, { channels, features, dim }),
    imageShape: shapeWith(g, latents, 2, dim),
    textShape: shapeWith(g, text, 2, dim),
  };
}

function streamInputs(g: Graph, dim: number, part: Part): Start {
  const image = g.input("image/in", ["B", "L", dim]);
  const flat = (x: Value) => g.op("Reshape", [x, g.ints([-1, dim])]);
  const shape = (x: Value) => g.op("Shape", [x], { start: 0, end: 3 });
  if (part.to === part.from) return { streams: { image: flat(image), text: image }, imageShape: shape(image) };
  const text = g.input("text/in", ["B", "T", dim]);
  return { streams: { image: flat(image), text: flat(text) }, imageShape: shape(image), textShape: shape(text) };
}

/**
 * Adds the outputs of ControlNets to the image after every block. Residual j of n is for the blocks of the j-th group of
 * ⌈layers / n⌉ blocks. Source: `QwenImageTransformer2DModel.forward`; model spec 4.7.
 */
function controlResiduals(g: Graph, counts: readonly number[], layers: number, dim: number) {
  const inputs = new Map<string, Value>();
  const residual = (count: number, j: number): Value => {
    const name = `control/${count}/${j}`;
    const known = inputs.get(name) ?? g.op("Reshape", [g.input(name, ["B", "L", dim]), g.ints([-1, dim])]);
    inputs.set(name, known);
    return known;
  };
  return {
    after(block: number, image: Value): Value {
      return counts.reduce(
        (sum, count) => g.op("Add", [sum, residual(count, Math.floor(block / Math.ceil(layers / count)))]),
        image,
      );
    },
  };
}

/**
 * The modulations of a part. Only these are sliced from the row: with 722 outputs of one Split, each of fifteen sessions took half a second
 * to load.
 */
function splitModulations(g: Graph, config: TransformerConfig, { from, to, head }: Part, dim: number) {
  const whole = modulationCount(config, true);
  const count = 12 * (to - from) + (head ? 2 : 0);
  const split = (name: string) => {
    const row = g.input(name, [whole * dim]);
    const first = g.ints([12 * from * dim]);
    const own = count === whole ? row : g.op("Slice", [row, first, g.ints([(12 * from + count) * dim]), g.ints([0])]);
    return parts(g, own, count, dim);
  };
  const vectors = split("modulation");
  const blocks = blockModulations(vectors, to - from);
  const clean = config.zero_cond_t && to > from;
  // The order of the head is scale, shift: the reverse of the blocks.
  return {
    blocks: clean ? withCleanTokens(g, blocks, split("modulation/clean"), dim) : blocks,
    head: { scale: vectors[count - 2]!, shift: vectors[count - 1]! },
  };
}

/**
 * Edit-2511: tokens of reference images are modulated as free of noise, in every block. Text and head are not.
 * Source: `zero_cond_t` of `QwenImageTransformer2DModel`.
 */
function withCleanTokens(g: Graph, blocks: readonly BlockModulations[], clean: readonly Value[], dim: number) {
  const isClean = g.input("clean", ["BL"], "I64");
  const choose = (noisy: Value, clean: Value) => {
    const both = g.op("Reshape", [g.op("Concat", [noisy, clean], { axis: 0 }), g.ints([2, dim])]);
    return g.op("Gather", [both, isClean]); // [B·L, dim]
  };
  const byToken = (noisy: Modulation, clean: Modulation): Modulation => ({
    byToken: true,
    shift: choose(noisy.shift, clean.shift),
    scale: choose(noisy.scale, clean.scale),
    gate: choose(noisy.gate, clean.gate),
  });
  const cleanBlocks = blockModulations(clean, blocks.length);
  return blocks.map(([attention, mlp, ...text], i): BlockModulations => {
    const [cleanAttention, cleanMlp] = cleanBlocks[i]!;
    return [byToken(attention, cleanAttention), byToken(mlp, cleanMlp), ...text];
  });
}

function nameOf({ stem, from, to, head }: Part, layers: number): string {
  if (stem && head) return "transformer";
  const pieces = [stem && "stem", to > from && `blocks ${from}…${to - 1} of ${layers}`, head && "head"];
  return `transformer (${pieces.filter(Boolean).join(", ")})`;
}
