import { totalmem } from "node:os";
import { packedStill } from "../bundled.ts";
import { countOperators, type Device, free, type HostTensor, type OperatorCount } from "../onnx/index.ts";
import { CheckpointError } from "../weights/index.ts";
import { openCheckpoint } from "./checkpoint/checkpoint.ts";
import type { TransformerConfig } from "./checkpoint/config.ts";
import { type MemoryPlan, planMemory } from "./memory-plan.ts";
import { type LoadOptions, loadModel, type Model } from "./model.ts";
import { jointRotary } from "./rope.ts";
import { buildTransformer } from "./transformer.ts";
import { modulationCount } from "./transformer-block.ts";
import { freeStreams, type Pass } from "./transformer-chain.ts";

/** Time and precision of a checkpoint on this machine. */
export interface Examination {
  /** Seconds until it is ready. */
  readonly loadSeconds: number;
  readonly plan: MemoryPlan;
  /** Bits of activations in integer products: 7 on x64 processors without VNNI; undefined without int8 weights. */
  readonly activationBits: 8 | 7 | undefined;
  /** Expected seconds of one transformer pass, at 512×512 and 1024×1024. A step with guidance takes two passes. */
  readonly passSeconds: { readonly 512: number; readonly 1024: number };
}

/**
 * Loads a checkpoint and measures its speed with its first blocks.
 * @throws CheckpointError for a checkpoint that is incomplete or does not fit into memory
 */
export async function examine(folder: string, options: LoadOptions = {}): Promise<Examination> {
  const start = performance.now();
  const model = await loadModel(await openCheckpoint(folder), options);
  try {
    const loadSeconds = (performance.now() - start) / 1000;
    const { plan, activationBits } = model;
    return { loadSeconds, plan, activationBits, passSeconds: await expectedSeconds(model) };
  } finally {
    await model.dispose();
  }
}

const TEXT_TOKENS = 64;
const tokensOf = (side: number) => (side / 16) ** 2 + TEXT_TOKENS;

/** Seconds that a run of the first blocks at 1024×1024 may take. A longer one is computed from smaller images. */
const LONGEST_RUN = 20;

/**
 * Seconds of a pass. The model `a · tokens + b · tokens²` through two smaller sizes decides whether 1024×1024 is measured too. Where
 * weights run from the file, a pass at that size takes up to 1.4 times as long as the model says.
 */
async function expectedSeconds({ transformer, plan }: Model): Promise<Examination["passSeconds"]> {
  const blocks = Math.min(plan.perSession, transformer.blocks);
  const scale = transformer.blocks / blocks;
  const measure = async (side: number) => {
    const pass = somePass(transformer.config, side);
    const start = performance.now();
    if (blocks < transformer.blocks) freeStreams(await transformer.begin(pass, blocks));
    else free(await transformer.velocity(pass));
    return (performance.now() - start) / 1000;
  };
  const warm = async (side: number) => {
    await measure(side); // the first run reads the weights from disk
    return measure(side);
  };
  const [few, many, most] = [tokensOf(256), tokensOf(512), tokensOf(1024)];
  const at512 = await warm(512);
  const [short, long] = [(await warm(256)) / few, at512 / many]; // a + b · tokens each
  const b = Math.max(0, (long - short) / (many - few));
  const computed = most * (long + b * (most - many));
  return { 512: scale * at512, 1024: scale * (computed > LONGEST_RUN ? computed : await measure(1024)) };
}

/** A pass with meaningless values. It takes as long as any other. */
function somePass(config: TransformerConfig, side: number): Pass & { readonly latents: HostTensor } {
  const tensor = (...dims: number[]): HostTensor => {
    const data = new Float32Array(dims.reduce((product, size) => product * size, 1));
    for (let i = 0; i < data.length; i++) data[i] = Math.sin(i);
    return { data, dims };
  };
  const cells = side / 16;
  return {
    latents: tensor(1, cells * cells, config.in_channels),
    text: tensor(1, TEXT_TOKENS, config.joint_attention_dim),
    rotary: jointRotary(TEXT_TOKENS, [{ rows: cells, columns: cells }], config.axes_dims_rope),
    modulation: tensor(modulationCount(config, true) * config.num_attention_heads * config.attention_head_dim).data,
  };
}

/** Counts which operators of a checkpoint's first block a GPU leaves to the processor. */
export async function countFallbacks(folder: string, device: Device): Promise<OperatorCount> {
  const { config, weights } = (await openCheckpoint(folder)).transformer;
  const { latents, text, rotary, modulation } = somePass({ ...config, zero_cond_t: false }, 64);
  const part = { stem: true, from: 0, to: 1, head: config.num_layers === 1 };
  const graph = buildTransformer({ ...config, zero_cond_t: false }, weights, { part, device });
  const row = { data: modulation, dims: [modulation.length] };
  return countOperators(graph, { latents, text, ...rotary, modulation: row }, device);
}

/**
 * Checks in a few milliseconds that this machine can load a checkpoint. Its files must exist and fit together, and it must fit into memory
 * when no other process needs any. `checkCheckpoint` examines every tensor.
 * @throws CheckpointError with the reason
 */
export async function requireLoadable(folder: string): Promise<void> {
  const packed = packedStill(folder);
  if (packed) throw new CheckpointError(packed);
  const limit = process.constrainedMemory(); // 0, or more than the machine has, means no limit
  planMemory(await openCheckpoint(folder), limit > 0 ? Math.min(limit, totalmem()) : totalmem());
}
