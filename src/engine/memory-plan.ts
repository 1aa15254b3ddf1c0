import { copiedBytes } from "../onnx/index.ts";
import { CheckpointError, type Weight, type Weights } from "../weights/index.ts";
import type { Checkpoint } from "./checkpoint/checkpoint.ts";
import type { TransformerConfig } from "./checkpoint/config.ts";
import { isTimeTensor } from "./modulations.ts";

/** How the networks of a checkpoint are held so that they fit into memory. All numbers are bytes. */
export interface MemoryPlan {
  /**
   * Blocks of the transformer and layers of the text encoder in one session. A session's load time grows faster than its graph: 60
   * blocks take 20 s in one and 1.2 s in fifteen.
   */
  readonly perSession: number;
  /** Whether int8 matrices are copied in the order that the processor likes best, or run from the mapped file. */
  readonly prepack: boolean;
  /** Whether the text encoder, its vision tower and the modulations stay between uses. */
  readonly keep: boolean;
  /** Of the files. What runs from them is in memory as long as nothing else needs it. */
  readonly stored: number;
  /** Copies of weights that are there at the same time. */
  readonly copied: number;
  /** Of one pass at 1024 × 1024, with as many references as the checkpoint takes. */
  readonly working: number;
  readonly available: number;
}

/** Above it a network is cut into sessions of `PER_SESSION`; one session of so many loads in half a second. */
const IN_ONE_SESSION = 12;
const PER_SESSION = 4;
/** Of the memory that is available, what copies of weights may take: the rest is for pictures, files and others. */
const SHARE = 0.6;
/** Image tokens at 1024 × 1024 and at 256 × 256, and the text of a long prompt; references are images in the prompt as well. */
const IMAGE_TOKENS = 4096;
const FEWEST_TOKENS = 256;
const TEXT_TOKENS = 512;

/** What of a checkpoint has to fit into the memory of a GPU. All numbers are bytes. */
export interface DeviceNeeds {
  /** Transformer and VAE. int8 becomes float32 there, blocks stay as small as they are. */
  readonly weights: number;
  /** Of one pass at 1024 × 1024, with as many references as the checkpoint takes. */
  readonly working: number;
}

/** What a GPU has to hold; the text encoder, the vision tower and the modulations stay on the processor. */
export function deviceNeeds({ member, transformer, vae }: Checkpoint): DeviceNeeds {
  const onDevice = ({ shape, byteLength, quantised }: Weight) =>
    quantised?.form === "blocks"
      ? byteLength + quantised.scale.byteLength
      : 4 * shape.reduce((product, size) => product * size, 1);
  const sum = (weights: Weights, which: (name: string) => boolean) =>
    weights.names.filter(which).reduce((bytes, name) => bytes + onDevice(weights.find(name)!), 0);
  return {
    weights: sum(transformer.weights, (name) => !isTimeTensor(name)) + sum(vae.weights, () => true),
    working: workingBytes((1 + (member.references?.most ?? 0)) * IMAGE_TOKENS, transformer.config),
  };
}

/**
 * Why a checkpoint cannot be drawn with on a GPU of so much memory; undefined where it can.
 * @param available bytes
 */
export function unfitForDevice(checkpoint: Checkpoint, available: number): string | undefined {
  const { weights, working } = deviceNeeds(checkpoint);
  if (weights + working <= available) return undefined;
  const isBlocks = ({ weights }: Checkpoint["transformer"]) =>
    weights.names.some((name) => weights.find(name)!.quantised?.form === "blocks");
  const advice = isBlocks(checkpoint.transformer)
    ? ""
    : "; 4-bit weights (`inkstone models add FOLDER --weights int4`) take an eighth";
  return (
    `its transformer and VAE take ${gigabytes(weights)} of the device's memory and an image of 1024 × 1024 about ` +
    `${gigabytes(working)} more, ${gigabytes(available)} are available${advice}`
  );
}

function workingBytes(imageTokens: number, config: TransformerConfig): number {
  return (imageTokens + TEXT_TOKENS) * bytesPerToken(config);
}

/**
 * Keeps everything, in the processor's order, when that takes little of the memory; else runs int8 weights from the mapped files
 * and holds the text encoder and the modulations only while they are used.
 *
 * @param available bytes that this process may take
 * @param onDevice whether transformer and VAE are held by a GPU
 * @throws CheckpointError with numbers and advice when it does not fit
 */
export function planMemory(checkpoint: Checkpoint, available: number, onDevice = false): MemoryPlan {
  const { member, textEncoder, transformer, vae } = checkpoint;
  const most = member.references?.most ?? 0;
  const workingFor = (tokens: number) => workingBytes(tokens, transformer.config);
  const working = workingFor((1 + most) * IMAGE_TOKENS);
  const least = workingFor(FEWEST_TOKENS + Math.min(1, most) * IMAGE_TOKENS); // of references an editing model takes at least one, at full size
  const largest = Math.max(transformer.config.num_layers, textEncoder.config.num_hidden_layers);
  const perSession = largest <= IN_ONE_SESSION ? Number.POSITIVE_INFINITY : PER_SESSION;
  const pieces = (layers: number) => Math.max(1, Math.ceil(layers / perSession));

  const plan = (prepack: boolean, keep: boolean): MemoryPlan => {
    const copied = (weights: Weights, which: (name: string) => boolean = () => true) =>
      weights.names.filter(which).reduce((sum, name) => sum + copiedBytes(weights.find(name)!, prepack), 0);
    // The host reads the embedding table; nothing reads the output head.
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
      copied: blocks + decoder + (keep ? text + tower + time : fleeting),
    };
  };

  const choices = [plan(true, true), plan(true, false), plan(false, true), plan(false, false)];
  const comfortable = choices.find(({ copied }) => copied + working <= SHARE * available);
  const leanest = choices.at(-1)!;
  if (!comfortable && leanest.copied + least > available) {
    throw new CheckpointError(
      `${checkpoint.folder} does not fit into memory: its networks take ${gigabytes(leanest.copied)} at once, a picture of ` +
        `256 × 256 about ${gigabytes(least)} more and one of 1024 × 1024 ${gigabytes(working)}, ${gigabytes(available)} are available; convert it with ` +
        "`inkstone models add FOLDER --weights int8`: int8 weights are read from the file in place",
    );
  }
  return comfortable ?? leanest;
}

/**
 * What a pass holds for one token: the MLP's hidden features four times (before and after GELU, rotated, magnitudes) and twelve
 * streams. Measured at 512²: 0.35 MB a token of the 20B checkpoint.
 */
function bytesPerToken({ num_attention_heads: heads, attention_head_dim: headDim }: TransformerConfig): number {
  return 4 * heads * headDim * (4 * 4 + 12);
}

function storedBytes(weights: Weights): number {
  return weights.names.reduce((sum, name) => sum + weights.find(name)!.byteLength, 0);
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
