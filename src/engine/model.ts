import {
  type BuiltGraph,
  createSession,
  type DeviceName,
  deviceName,
  type Free,
  freeAll,
  freeDeviceMemory,
  type HostTensor,
  lazy,
  type OpenedDevice,
  openDevice,
  processor,
  type SessionOptions,
} from "../onnx/index.ts";
import type { RgbImage } from "../pictures/index.ts";
import { CheckpointError } from "../weights/index.ts";
import { allFinite } from "./check.ts";
import type { Checkpoint } from "./checkpoint/checkpoint.ts";
import type { SchedulerConfig } from "./checkpoint/config.ts";
import { type ControlNetLibrary, controlNetLibrary } from "./control-net/library.ts";
import { type LoraLibrary, loraLibrary } from "./lora/library.ts";
import type { Member } from "./members.ts";
import { type MemoryPlan, planMemory, unfitForDevice } from "./memory-plan.ts";
import { timeModulations } from "./modulations.ts";
import { promptEmbeddings, promptTokens, rememberPrompts } from "./prompt.ts";
import { promptPositions, textRotary } from "./rope.ts";
import { textEncoderSizes } from "./text-encoder.ts";
import { textStates } from "./text-states.ts";
import { loadTokenizer } from "./tokenizer.ts";
import { type Attachments, type Pass, type TransformerChain, transformerChain } from "./transformer-chain.ts";
import { buildVaeEncoder, spatialFactor } from "./vae.ts";
import { openVaeDecoder } from "./vae-decoder.ts";
import { type ImageTokens, visionTower } from "./vision/vision-tower.ts";

/** The networks of one checkpoint, loaded and ready to run. */
export interface Model {
  /** For messages. */
  readonly folder: string;
  readonly member: Member;
  readonly scheduler: SchedulerConfig;
  readonly plan: MemoryPlan;
  /** Of activations in integer products; undefined where nothing is in int8. */
  readonly activationBits: 8 | 7 | undefined;
  readonly latentChannels: number;
  /** Pixels per latent position: 8. */
  readonly pixelFactor: number;
  readonly ropeAxes: readonly number[];
  /** Tokens of references are modulated as free of noise: Edit-2511. */
  readonly zeroCond: boolean;
  /** What the vision tower makes of each image; only editing members have one. */
  seeImages(images: readonly RgbImage[]): Promise<ImageTokens[]>;
  /** Prompt, and the references it speaks of → [1, T, features]. The last prompts without references are remembered. */
  encodePrompt(prompt: string, references?: readonly ImageTokens[]): Promise<HostTensor>;
  /** Noise levels → one row of modulations each, as `velocity` takes them. */
  modulations(sigmas: readonly number[], attachments?: Attachments): Promise<Float32Array[]>;
  /** Packed latents [B, L, 4C] and text [B, T, features] → velocity, same shape as the latents. */
  velocity(pass: Pass): Promise<Float32Array>;
  /** What computes `velocity`, for those who step in between its blocks. */
  readonly transformer: TransformerChain;
  /** Low-rank adapters for `velocity` and `modulations`. */
  readonly loras: LoraLibrary;
  readonly controlNets: ControlNetLibrary;
  /** Picture planes [1, 3, H, W] in -1…1 → normalised latents [C, H/8, W/8] (posterior mean). */
  encodePicture(planes: HostTensor): Promise<Float32Array>;
  /** Normalised latents [B, C, h, w] → planes [B, 3, 8h, 8w] in -1…1. */
  decodeLatents(latents: HostTensor): Promise<Float32Array>;
  /** Frees every network, also when one of them cannot be freed; then it rejects. */
  dispose(): Promise<void>;
}

export interface LoadOptions extends Omit<SessionOptions, "device"> {
  /** Where transformer, ControlNets and VAE run; the text encoder stays on the processor. Default: `cpu`. */
  readonly device?: DeviceName | OpenedDevice;
  /** Bytes of a GPU's memory that weights and pictures may take. Default: what is free, where the device says so. */
  readonly deviceMemory?: number;
  /** Told which device was opened, in one line. */
  onDevice?(note: string): void;
  /** Bytes that weights and pictures may take. Default: what the process may have. */
  readonly memory?: number;
}

/**
 * The device that is open, or is opened now, if its memory suffices; the processor where `auto` took a GPU that is too small.
 * @throws CheckpointError with numbers, for a GPU that was named and is too small
 */
async function deviceFor(
  checkpoint: Checkpoint,
  { device = "cpu", deviceMemory }: LoadOptions,
  integers: boolean,
): Promise<OpenedDevice> {
  const opened = typeof device === "object" ? device : await openDevice(device, { integers });
  if (opened.device.provider === "cpu") return opened;
  const available = deviceMemory ?? (await freeDeviceMemory(opened.device));
  const unfit = available === undefined ? undefined : unfitForDevice(checkpoint, available);
  if (unfit === undefined) return opened;
  const name = deviceName(opened.device);
  if (!opened.chosen) throw new CheckpointError(`${checkpoint.folder} does not fit on ${name}: ${unfit}`);
  return { device: await processor(integers), note: `cpu: the checkpoint does not fit on ${name}: ${unfit}` };
}

/**
 * Loads all networks but the VAE encoder, which waits until a picture has to be encoded. When one cannot be loaded, those before
 * it are freed.
 */
export async function loadModel(checkpoint: Checkpoint, options: LoadOptions = {}): Promise<Model> {
  const opened: Free[] = [];
  try {
    return await load(checkpoint, options, opened);
  } catch (error) {
    await freeAll(opened).catch(() => {}); // the load's error is the one to tell
    throw error;
  }
}

/** @param opened takes how to free each network, as soon as it is there */
async function load(checkpoint: Checkpoint, options: LoadOptions, opened: Free[]): Promise<Model> {
  const { member, textEncoder, transformer, vae } = checkpoint;
  const tokenize = await loadTokenizer(checkpoint.tokenizerFolder);
  const quantised = [textEncoder.weights, transformer.weights].some((weights) =>
    weights.names.some((name) => weights.find(name)!.quantised),
  );
  const { device, note } = await deviceFor(checkpoint, options, quantised);
  options.onDevice?.(note);
  const plan = planMemory(checkpoint, options.memory ?? process.availableMemory(), device.provider !== "cpu");
  const common = {
    threads: options.threads,
    prepack: options.prepack ?? plan.prepack,
    frugal: options.frugal ?? Number.isFinite(plan.perSession),
  };
  const onDevice: SessionOptions = { ...common, device };
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
  const decoder = await openVaeDecoder(vae.config, vae.weights, onDevice);
  opened.push(decoder.dispose);
  const tower = lazy(() => visionTower(textEncoder.vision!, textEncoder.weights, held));
  const closeTower = () => tower.free((opened) => opened.dispose());
  opened.push(closeTower);
  const encoder = lazy(() => open(buildVaeEncoder(vae.config, vae.weights, device)));
  const chain = await transformerChain(transformer.config, transformer.weights, plan.perSession, onDevice);
  opened.push(chain.dispose);
  const modulations = await timeModulations(transformer.config, transformer.weights, plan, held);
  opened.push(modulations.dispose);
  const controlNets = controlNetLibrary(transformer.config, onDevice);
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
