import {
  type AnyTensor,
  type BuiltGraph,
  createSession,
  type Device,
  type DeviceName,
  deviceName,
  type Free,
  freeAll,
  freeDeviceMemory,
  type HostTensor,
  lazy,
  type OpenedDevice,
  openDevice,
  type Precision,
  processor,
  type SessionOptions,
  transfers,
} from "../onnx/index.ts";
import type { RgbImage } from "../pictures/index.ts";
import { CheckpointError } from "../weights/index.ts";
import type { Arithmetic } from "./arithmetic/arithmetic.ts";
import { arithmeticOn } from "./arithmetic/create.ts";
import { allFinite } from "./check.ts";
import type { Checkpoint } from "./checkpoint/checkpoint.ts";
import type { SchedulerConfig } from "./checkpoint/config.ts";
import { type ControlNetLibrary, controlNetLibrary } from "./control-net/library.ts";
import { type LoraLibrary, loraLibrary } from "./lora/library.ts";
import type { Member } from "./members.ts";
import { deviceNeeds, type MemoryPlan, planMemory, unfitForDevice } from "./memory-plan.ts";
import { timeModulations } from "./modulations.ts";
import { promptEmbeddings, promptTokens, rememberPrompts } from "./prompt.ts";
import { promptPositions, textRotary } from "./rope.ts";
import { textEncoderSizes } from "./text-encoder.ts";
import { textStates } from "./text-states.ts";
import { loadTokenizer } from "./tokenizer.ts";
import { type Attachments, type Pass, type TransformerChain, transformerChain } from "./transformer-chain.ts";
import { buildVaeEncoder, spatialFactor } from "./vae.ts";
import { openVaeDecoder, positionsAtOnce } from "./vae-decoder.ts";
import { type ImageTokens, visionTower } from "./vision/vision-tower.ts";

/** The networks of one checkpoint, loaded and ready to run. */
export interface Model {
  /** Folder of the checkpoint, for messages. */
  readonly folder: string;
  readonly member: Member;
  readonly scheduler: SchedulerConfig;
  readonly plan: MemoryPlan;
  /** Bits of activations in integer products; undefined without int8 weights. */
  readonly activationBits: 8 | 7 | undefined;
  /** Latent positions that the VAE decodes at once; larger images are decoded in tiles. */
  readonly decodedAtOnce: number;
  readonly latentChannels: number;
  /** Pixels per latent position: 8. */
  readonly pixelFactor: number;
  readonly ropeAxes: readonly number[];
  /** True for Edit-2511: tokens of references are modulated as free of noise. */
  readonly zeroCond: boolean;
  /** Output of the vision tower for each image. Only editing members have a tower. */
  seeImages(images: readonly RgbImage[]): Promise<ImageTokens[]>;
  /** Prompt, with the references that it mentions → [1, T, features]. Recent prompts without references are cached. */
  encodePrompt(prompt: string, references?: readonly ImageTokens[]): Promise<HostTensor>;
  /** Noise levels → one row of modulations each, the input of `velocity`. */
  modulations(sigmas: readonly number[], attachments?: Attachments): Promise<Float32Array[]>;
  /** Packed latents [B, L, 4C] and text [B, T, features] → velocity, same shape as the latents. On a GPU it stays there. */
  velocity(pass: Pass): Promise<AnyTensor>;
  /** Computes with the tensors of the transformer, on its device. */
  readonly arithmetic: Arithmetic;
  /** The network of `velocity`, for callers that act between its blocks. */
  readonly transformer: TransformerChain;
  /** Low-rank adapters for `velocity` and `modulations`. */
  readonly loras: LoraLibrary;
  readonly controlNets: ControlNetLibrary;
  /** Image planes [1, 3, H, W] in -1…1 → normalised latents [C, H/8, W/8] (posterior mean). */
  encodePicture(planes: HostTensor): Promise<Float32Array>;
  /** Normalised latents [B, C, h, w] → planes [B, 3, 8h, 8w] in -1…1. */
  decodeLatents(latents: HostTensor): Promise<Float32Array>;
  /** Frees every network. If one of them fails, it frees the others and then rejects. */
  dispose(): Promise<void>;
}

/** Device, memory and threads for a checkpoint. */
export interface LoadOptions extends Omit<SessionOptions, "device"> {
  /** Device for transformer, ControlNets and VAE; the text encoder stays on the processor. Default: `cpu`. */
  readonly device?: DeviceName | OpenedDevice;
  /** Numbers that a GPU multiplies, if `device` is a name. Default: `float32`. */
  readonly precision?: Precision;
  /** Bytes of GPU memory for weights and images. Default: the free memory, if the device reports it. */
  readonly deviceMemory?: number;
  /** Called with the device that was opened, in one line. */
  onDevice?(note: string): void;
  /** Bytes of memory for weights and images. Default: the limit of the process. */
  readonly memory?: number;
}

/** The device that a checkpoint is loaded on. */
interface ChosenDevice extends OpenedDevice {
  /** Bytes of a GPU's memory that its weights leave; undefined on the processor, and if the device does not report it. */
  readonly spare?: number | undefined;
}

/**
 * Opens the device unless it is open, if its memory suffices. If `auto` chose a GPU that is too small, returns the processor.
 * @throws CheckpointError with numbers, for a GPU that was requested by name and is too small
 */
async function deviceFor(
  checkpoint: Checkpoint,
  { device = "cpu", precision, deviceMemory }: LoadOptions,
  integers: boolean,
): Promise<ChosenDevice> {
  const opened = typeof device === "object" ? device : await openDevice(device, { integers, precision });
  if (opened.device.provider === "cpu") return opened;
  const available = deviceMemory ?? (await freeDeviceMemory(opened.device));
  const unfit = available === undefined ? undefined : unfitForDevice(checkpoint, available, opened.device.precision);
  if (unfit === undefined)
    return {
      ...opened,
      spare: available === undefined ? undefined : available - deviceNeeds(checkpoint, opened.device.precision).weights,
    };
  const name = deviceName(opened.device);
  if (!opened.chosen) throw new CheckpointError(`${checkpoint.folder} does not fit on ${name}: ${unfit}`);
  return { device: await processor(integers), note: `cpu: the checkpoint does not fit on ${name}: ${unfit}` };
}

/**
 * Loads all networks except the VAE encoder, which the first image to encode loads. If one fails, those loaded before it are freed.
 */
export async function loadModel(checkpoint: Checkpoint, options: LoadOptions = {}): Promise<Model> {
  const opened: Free[] = [];
  try {
    return await load(checkpoint, options, opened);
  } catch (error) {
    await freeAll(opened).catch(() => {}); // the error of the load matters more
    throw error;
  }
}

/** @param opened collects a function for each loaded network that frees it */
async function load(checkpoint: Checkpoint, options: LoadOptions, opened: Free[]): Promise<Model> {
  const { member, textEncoder, transformer, vae } = checkpoint;
  const tokenize = await loadTokenizer(checkpoint.tokenizerFolder);
  const quantised = [textEncoder.weights, transformer.weights].some((weights) =>
    weights.names.some((name) => weights.find(name)!.quantised),
  );
  const { device, note, spare } = await deviceFor(checkpoint, options, quantised);
  options.onDevice?.(note);
  const plan = planMemory(checkpoint, options.memory ?? process.availableMemory(), device.provider !== "cpu");
  const common = {
    threads: options.threads,
    prepack: options.prepack ?? plan.prepack,
    frugal: options.frugal ?? Number.isFinite(plan.perSession),
  };
  const onDevice: SessionOptions = { ...common, device };
  const exact: Device = { ...device, precision: "float32" }; // the VAE, a small share of the work
  const held: SessionOptions = { ...common, device: device.provider === "cpu" ? device : await processor(quantised) };
  const { headDim, theta, sections } = textEncoderSizes(textEncoder.config);
  const features = textEncoder.config.hidden_size;
  const open = async (graph: BuiltGraph) => {
    const session = await createSession(graph, onDevice);
    opened.push(session.release);
    return session;
  };
  const text = await textStates(textEncoder.config, textEncoder.weights, plan, held);
  opened.push(text.dispose);
  const decodedAtOnce = positionsAtOnce(vae.config, spare);
  // Its tensors are the largest. A frugal session took 1.5 times as long at 512×512: the system cleared new pages for each of them.
  const decoding: SessionOptions = { ...onDevice, device: exact, frugal: false };
  const decoder = await openVaeDecoder(vae.config, vae.weights, decoding, decodedAtOnce);
  opened.push(decoder.dispose);
  const tower = lazy(() => visionTower(textEncoder.vision!, textEncoder.weights, held));
  const closeTower = () => tower.free((opened) => opened.dispose());
  opened.push(closeTower);
  const encoder = lazy(() => open(buildVaeEncoder(vae.config, vae.weights, exact)));
  const moved = transfers(device);
  opened.push(moved.dispose);
  const arithmetic = arithmeticOn(device, moved);
  opened.push(arithmetic.dispose);
  const chain = await transformerChain(transformer.config, transformer.weights, plan.perSession, onDevice, moved);
  opened.push(chain.dispose);
  const modulations = await timeModulations(transformer.config, transformer.weights, plan, held);
  opened.push(modulations.dispose);
  const controlNets = controlNetLibrary(transformer.config, onDevice, undefined, moved);
  opened.push(controlNets.dispose);

  const finite = (values: Float32Array, network: string) => {
    if (allFinite(values)) return values;
    throw new CheckpointError(`${checkpoint.folder}: the ${network} computes NaN or infinity`);
  };

  const encodePrompt = async (prompt: string, references: readonly ImageTokens[]) => {
    const { ids, images } = promptTokens(tokenize, member, prompt, references);
    const rotary = textRotary(promptPositions(ids.length, images), headDim, theta, sections);
    const seen = images.map(({ start }, k) => ({ start, states: references[k]!.tokens.data }));
    const states = await text.encode(ids, rotary, seen);
    const data = finite(promptEmbeddings(states.data, features, member), "text encoder");
    return { data, dims: [1, data.length / features, features] };
  };
  const remembered = rememberPrompts((prompt) => encodePrompt(prompt, []));

  return {
    folder: checkpoint.folder,
    member,
    scheduler: checkpoint.scheduler,
    plan,
    activationBits: held.device?.activationBits,
    decodedAtOnce,
    latentChannels: vae.config.z_dim,
    pixelFactor: spatialFactor(vae.config),
    ropeAxes: transformer.config.axes_dims_rope,
    zeroCond: transformer.config.zero_cond_t === true,
    async seeImages(images) {
      const seen: ImageTokens[] = [];
      for (const image of images) seen.push(await (await tower.get()).see(image));
      if (!plan.keep) await closeTower();
      return seen;
    },
    encodePrompt: (prompt, references = []) =>
      references.length > 0 ? encodePrompt(prompt, references) : remembered(prompt),
    modulations: modulations.run,
    velocity: chain.velocity,
    arithmetic,
    transformer: chain,
    loras: loraLibrary(transformer.weights),
    controlNets,
    async encodePicture(picture) {
      return finite((await (await encoder.get()).run({ picture })).latents!.data, "VAE encoder");
    },
    decodeLatents: async (latents) => finite(await decoder.decode(latents), "VAE decoder"),
    async dispose() {
      await encoder.settled();
      await freeAll(opened);
    },
  };
}
