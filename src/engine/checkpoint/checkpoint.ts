import { join } from "node:path";
import { z } from "zod";
import { CheckpointError, openWeights, type Weights } from "../../weights/index.ts";
import { type Member, memberOf } from "../members.ts";
import { textEncoderSizes } from "../text-encoder.ts";
import {
  readConfig,
  type SchedulerConfig,
  schedulerConfig,
  type TextEncoderConfig,
  type TransformerConfig,
  textEncoderConfig,
  transformerConfig,
  type VaeConfig,
  type VisionConfig,
  vaeConfig,
  visionConfig,
} from "./config.ts";

/** An open folder in diffusers layout: configs are checked, weights are indexed, no network is loaded. */
export interface Checkpoint {
  readonly folder: string;
  readonly member: Member;
  readonly tokenizerFolder: string;
  readonly scheduler: SchedulerConfig;
  /** `vision` is the config of the vision tower, for members that see images. */
  readonly textEncoder: { config: TextEncoderConfig; vision?: VisionConfig | undefined; weights: Weights };
  readonly transformer: { config: TransformerConfig; weights: Weights };
  readonly vae: { config: VaeConfig; weights: Weights };
}

/** For each component, the library and the class that load it. */
const modelIndex = z.looseObject({ _class_name: z.string(), scheduler: z.unknown().optional() });
const namedClass = z.tuple([z.unknown(), z.string()]);
const EULER = "FlowMatchEulerDiscreteScheduler";
const nestedTextConfig = z.looseObject({ text_config: z.record(z.string(), z.unknown()).optional() });

/**
 * Opens a Qwen-Image checkpoint of any size in diffusers layout.
 * @param open opens the weights of a component
 * @throws CheckpointError naming the file, key, tensor or size that does not fit
 */
export async function openCheckpoint(folder: string, open: typeof openWeights = openWeights): Promise<Checkpoint> {
  const index = await readConfig(join(folder, "model_index.json"), modelIndex);
  const member = memberIn(folder, index._class_name);
  const component = (name: string) => join(folder, name);
  const transformer = await readConfig(join(component("transformer"), "config.json"), transformerConfig);
  const vae = await readConfig(join(component("vae"), "config.json"), vaeConfig);
  const textEncoder = await readTextEncoderConfig(join(component("text_encoder"), "config.json"));
  const vision = member.references && (await readVisionConfig(component("text_encoder")));
  checkSizesFit(folder, transformer, vae, textEncoder, vision);
  const loadedBy = namedClass.safeParse(index.scheduler).data?.[1];
  requireEuler(folder, loadedBy);
  const scheduler = await readConfig(join(component("scheduler"), "scheduler_config.json"), schedulerConfig);
  requireEuler(folder, loadedBy ?? scheduler._class_name);
  return {
    folder,
    member,
    tokenizerFolder: component("tokenizer"),
    scheduler,
    textEncoder: { config: textEncoder, vision, weights: await open(component("text_encoder"), "model") },
    transformer: {
      config: transformer,
      weights: await open(component("transformer"), "diffusion_pytorch_model"),
    },
    vae: { config: vae, weights: await open(component("vae"), "diffusion_pytorch_model") },
  };
}

/**
 * The member that a checkpoint belongs to. It reads only `model_index.json`.
 * @throws CheckpointError when the file is missing, or this engine does not run the pipeline
 */
export async function readMember(folder: string): Promise<Member> {
  const index = await readConfig(join(folder, "model_index.json"), modelIndex);
  return memberIn(folder, index._class_name);
}

/** Newer files nest the language part under `text_config`. If both exist, the nested one applies. */
async function readTextEncoderConfig(path: string): Promise<TextEncoderConfig> {
  const flatOrNested = nestedTextConfig.transform(({ text_config: nested, ...flat }) => ({ ...flat, ...nested }));
  return readConfig(path, flatOrNested.pipe(textEncoderConfig));
}

/** The config of the vision tower. Missing keys get the values of Qwen2.5-VL-7B. */
async function readVisionConfig(folder: string): Promise<VisionConfig> {
  const { vision_config } = await readConfig(join(folder, "config.json"), z.object({ vision_config: visionConfig }));
  return vision_config;
}

/** Checks the scheduler's class. As in diffusers, that in `model_index.json` applies, not the one in the config. */
function requireEuler(folder: string, scheduler: string | undefined): void {
  if (scheduler === undefined || scheduler === EULER) return;
  throw new CheckpointError(
    `${folder}: the scheduler is ${scheduler}; allowed is ${EULER}. Write this name in model_index.json and scheduler/scheduler_config.json, and choose other solvers with the parameter scheduler`,
  );
}

function memberIn(folder: string, pipeline: string): Member {
  try {
    return memberOf(pipeline);
  } catch (error) {
    throw new CheckpointError(`${folder}: ${(error as Error).message}`);
  }
}

function checkSizesFit(
  folder: string,
  transformer: TransformerConfig,
  vae: VaeConfig,
  text: TextEncoderConfig,
  vision: VisionConfig | undefined,
): void {
  const mustEqual = (what: string, actual: number, expected: number) => {
    if (actual !== expected) throw new CheckpointError(`${folder}: ${what} is ${actual}, expected ${expected}`);
  };
  const ropeFeatures = transformer.axes_dims_rope.reduce((sum, dim) => sum + dim, 0);
  mustEqual("transformer in_channels", transformer.in_channels, vae.z_dim * transformer.patch_size ** 2);
  mustEqual("transformer out_channels", transformer.out_channels, vae.z_dim);
  mustEqual("transformer joint_attention_dim", transformer.joint_attention_dim, text.hidden_size);
  mustEqual("sum of transformer axes_dims_rope", ropeFeatures, transformer.attention_head_dim);
  mustEqual("length of vae temperal_downsample", vae.temperal_downsample.length, vae.dim_mult.length - 1);
  mustEqual("length of vae latents_mean", vae.latents_mean.length, vae.z_dim);
  mustEqual("length of vae latents_std", vae.latents_std.length, vae.z_dim);
  if (!vision) return;
  const { sections, headDim } = textEncoderSizes(text);
  const frequencies = sections.reduce((sum, count) => sum + count, 0);
  mustEqual("sum of text encoder mrope_section", frequencies, headDim / 2);
  mustEqual("vision out_hidden_size", vision.out_hidden_size, text.hidden_size);
}
