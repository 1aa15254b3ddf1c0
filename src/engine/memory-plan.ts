import { copiedBytes, type Device } from "../onnx/index.ts";
import { CheckpointError, type Weight, type Weights } from "../weights/index.ts";
import type { Checkpoint } from "./checkpoint/checkpoint.ts";
import type { TransformerConfig } from "./checkpoint/config.ts";
import { isTimeTensor } from "./modulations.ts";
import { isNarrow } from "./transformer-block.ts";

/** How to hold the networks of a checkpoint in memory. All sizes are bytes. */
export interface MemoryPlan {
  /**
   * Blocks of the transformer, and layers of the text encoder, in one session. The load time of a session grows faster than its graph: 60
   * blocks take 20 s in one session and 1.2 s in fifteen.
   */
  readonly perSession: number;
  /** True: int8 matrices are copied in the processor's preferred order. False: they run from the mapped file. */
  readonly prepack: boolean;
  /** True: the text encoder, its vision tower and the modulations stay loaded between uses. */
  readonly keep: boolean;
  /** Size of the files. Weights that run from files stay in memory while other processes do not need it. */
  readonly stored: number;
  /** Of `stored`, the weights that run from the files, without a copy. */
  readonly mapped: number;
  /** Copies of weights that exist at the same time. */
  readonly copied: number;
  /** Working memory of one pass at 1024×1024, with the most references that the checkpoint accepts. */
  readonly working: number;
  readonly available: number;
}

/** A larger network is split into sessions of `PER_SESSION`. One session of this size loads in half a second. */
const IN_ONE_SESSION = 12;
const PER_SESSION = 4;
/** Share of the available memory for copies of weights. The rest is for images, files and other processes. */
const SHARE = 0.6;
/** Image tokens at 1024×1024 and at 256×256, and the text tokens of a long prompt. References are also part of the prompt. */
const IMAGE_TOKENS = 4096;
const FEWEST_TOKENS = 256;
const TEXT_TOKENS = 512;

/** The memory of a GPU that a checkpoint needs, in bytes. */
export interface DeviceNeeds {
  /** Transformer and VAE. On a GPU int8 becomes float32 or float16; blocks keep their size. */
  readonly weights: number;
  /** Working memory of one pass at 1024×1024, with the most references that the checkpoint accepts. */
  readonly working: number;
}

/** The memory that a GPU needs. The text encoder, the vision tower and the modulations stay on the processor. */
export function deviceNeeds(
  { member, transformer, vae }: Checkpoint,
  precision: Device["precision"] = "float32",
): DeviceNeeds {
  const onDevice = ({ shape, byteLength, quantised }: Weight, name: string) => {
    if (quantised?.form === "blocks") return byteLength + quantised.scale.byteLength;
    const narrow = precision === "float16" && isNarrow(name);
    return (narrow ? 2 : 4) * shape.reduce((product, size) => product * size, 1);
  };
  const sum = (weights: Weights, which: (name: string) => boolean) =>
    weights.names.filter(which).reduce((bytes, name) => bytes + onDevice(weights.find(name)!, name), 0);
  return {
    weights: sum(transformer.weights, (name) => !isTimeTensor(name)) + sum(vae.weights, () => true),
    working: workingBytes((1 + (member.references?.most ?? 0)) * IMAGE_TOKENS, transformer.config),
  };
}

/**
 * Why a checkpoint does not fit a GPU with this memory; undefined when it fits.
 * @param available bytes
 */
export function unfitForDevice(
  checkpoint: Checkpoint,
  available: number,
  precision?: Device["precision"],
): string | undefined {
  const { weights, working } = deviceNeeds(checkpoint, precision);
  if (weights + working <= available) return undefined;
  const isBlocks = ({ weights }: Checkpoint["transformer"]) =>
    weights.names.some((name) => weights.find(name)!.quantised?.form === "blocks");
  const advice = isBlocks(checkpoint.transformer)
    ? ""
    : "; 4-bit weights (`inkstone models add FOLDER --weights int4`) take an eighth";
  return (
    `its transformer and VAE need ${gigabytes(weights)} of the device's memory, and an image of 1024 × 1024 about ` +
    `${gigabytes(working)} more; ${gigabytes(available)} are available${advice}`
  );
}

function workingBytes(imageTokens: number, config: TransformerConfig): number {
  return (imageTokens + TEXT_TOKENS) * bytesPerToken(config);
}

/**
 * Plans the memory of a checkpoint. If it takes a small share of the memory, everything stays loaded, in the processor's order. Otherwise
 * int8 weights run from the mapped files, and text encoder and modulations are loaded only while they are used.
 *
 * @param available bytes that this process may use
 * @param onDevice true when a GPU holds transformer and VAE
 * @throws CheckpointError with numbers and advice when it does not fit
 */
export function planMemory(checkpoint: Checkpoint, available: number, onDevice = false): MemoryPlan {
  const { member, textEncoder, transformer, vae } = checkpoint;
  const most = member.references?.most ?? 0;
  const workingFor = (tokens: number) => workingBytes(tokens, transformer.config);
  const working = workingFor((1 + most) * IMAGE_TOKENS);
  const least = workingFor(FEWEST_TOKENS + Math.min(1, most) * IMAGE_TOKENS); // an editing model needs at least one reference, at full size
  const largest = Math.max(transformer.config.num_layers, textEncoder.config.num_hidden_layers);
  const perSession = largest <= IN_ONE_SESSION ? Number.POSITIVE_INFINITY : PER_SESSION;
  const pieces = (layers: number) => Math.max(1, Math.ceil(layers / perSession));

  const plan = (prepack: boolean, keep: boolean): MemoryPlan => {
    const copied = (weights: Weights, which: (name: string) => boolean = () => true) =>
      weights.names.filter(which).reduce((sum, name) => sum + copiedBytes(weights.find(name)!, prepack), 0);
    // The host reads the embedding table. The output head is not used.
    const text = copied(textEncoder.weights, (name) => /\.(layers|norm)\./.test(name) && !name.includes("visual."));
    const tower = textEncoder.vision ? copied(textEncoder.weights, (name) => name.includes("visual.")) : 0;
    const time = copied(transformer.weights, isTimeTensor);
    const blocks = onDevice ? 0 : copied(transformer.weights, (name) => !isTimeTensor(name));
    const decoder = onDevice ? 0 : copied(vae.weights);
    const fleeting = Math.max(
      tower,
      text / pieces(textEncoder.config.num_hidden_layers),
      time / pieces(transformer.config.num_layers),
    );
    return {
      ...{ perSession, prepack, keep, working, available },
      stored: storedBytes(textEncoder.weights) + storedBytes(transformer.weights) + storedBytes(vae.weights),
      mapped: mappedBytes(textEncoder.weights, prepack) + (onDevice ? 0 : mappedBytes(transformer.weights, prepack)),
      copied: blocks + decoder + (keep ? text + tower + time : fleeting),
    };
  };

  const choices = [plan(true, true), plan(true, false), plan(false, true), plan(false, false)];
  const comfortable = choices.find(({ copied }) => copied + working <= SHARE * available);
  const leanest = choices.at(-1)!;
  if (!comfortable && leanest.copied + least > available) {
    throw new CheckpointError(
      `${checkpoint.folder} does not fit into memory: its networks take ${gigabytes(leanest.copied)} at once. An image of ` +
        `256 × 256 takes about ${gigabytes(least)} more, one of 1024 × 1024 ${gigabytes(working)}; ${gigabytes(available)} are available. Convert it with ` +
        "`inkstone models add FOLDER --weights int8`: int8 weights are read from the file in place",
    );
  }
  return comfortable ?? leanest;
}

/**
 * Bytes that a pass holds for one token: the MLP's hidden features four times (before and after GELU, rotated, magnitudes) and twelve
 * streams. Measured at 512²: 0.35 MB a token with the 20B checkpoint.
 */
function bytesPerToken({ num_attention_heads: heads, attention_head_dim: headDim }: TransformerConfig): number {
  return 4 * heads * headDim * (4 * 4 + 12);
}

function storedBytes(weights: Weights): number {
  return weights.names.reduce((sum, name) => sum + weights.find(name)!.byteLength, 0);
}

function mappedBytes(weights: Weights, prepack: boolean): number {
  const all = weights.names.map((name) => weights.find(name)!);
  return all
    .filter((weight) => copiedBytes(weight, prepack) === 0)
    .reduce((sum, { byteLength }) => sum + byteLength, 0);
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
