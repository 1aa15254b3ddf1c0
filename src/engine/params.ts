/** The public types of the engine: parameters, progress, results. */

import type { GrayImage, RgbImage } from "../pictures/index.ts";
import type { ControlParams } from "./control-net/params.ts";
import type { LoraParams } from "./lora/params.ts";
import type { CacheParams } from "./step-cache/params.ts";

/** Parameters of a generation, in the terms of the literature. `Pipeline.generate` checks their ranges and names the one that it refuses. */
export interface GenerateParams {
  readonly prompt: string;
  /** Default: a single space, as the model card recommends. */
  readonly negativePrompt?: string;
  /**
   * Pixels, 16…16384, rounded down to a multiple of 16. Default of an edit: an area of about `referencePixels`, with the aspect ratio of the
   * last reference.
   */
  readonly width?: number;
  readonly height?: number;
  /** Steps, 1…1000. Default: 20. */
  readonly steps?: number;
  /** Name of a scheduler, in any letter case: it sets solver and noise levels. Default: "Default", the model's Euler. */
  readonly scheduler?: string;
  /** True classifier-free guidance scale. At 1 or below the model runs once a step, without the negative prompt. Default: 4. */
  readonly guidance?: number;
  /** 0 … 2⁶⁴-1; result `i` uses `seed + i`. As in PyTorch, the generator uses only the low 32 bits. Default: random. */
  readonly seed?: bigint;
  /** Number of images, 1…20. Default: 1. */
  readonly count?: number;
  /**
   * Reference images of any size, which an editing checkpoint changes or takes elements from. Qwen-Image-Edit takes one, Edit-2509 and
   * Edit-2511 one to three, other checkpoints none.
   */
  readonly references?: readonly RgbImage[];
  /** Area that each reference is scaled to, in pixels. Smaller is faster and shows less detail. 1024…4194304, default: 1024². */
  readonly referencePixels?: number;
  /** A seed image, of exactly the generated size. */
  readonly image?: RgbImage;
  /** How much of `image` may change, above 0 to 1: only the last `strength · steps` steps run. Default: 0.8. */
  readonly strength?: number;
  /** Where `image` may change: white changes, black stays, grey g changes during the last share g of the steps. Size of `image`. */
  readonly mask?: GrayImage;
  /** Adapters for the transformer. Their effects add up. */
  readonly loras?: readonly LoraParams[];
  /** ControlNets with their guide images. Their effects add up. */
  readonly controls?: readonly ControlParams[];
  /** Noise levels that replace those of the checkpoint, for a distilled adapter. */
  readonly schedule?: ScheduleOverride;
  /** Skips transformer blocks in steps that change little: faster, with a slightly different image. Default: no cache. */
  readonly cache?: CacheParams;
}

/** Keys of `scheduler_config.json`. Qwen-Image-Lightning: both shifts ln 3, no terminal. */
export interface ScheduleOverride {
  readonly base_shift?: number;
  readonly max_shift?: number;
  readonly shift_terminal?: number | null;
}

/** Reported after every solver step. */
export interface StepEvent {
  /** Index of the image within this call, from 0. */
  readonly image: number;
  /** Finished steps, 1…steps. */
  readonly step: number;
  readonly steps: number;
  /** Noise level of the latents after this step, 0…1. */
  readonly sigma: number;
  /** A rough RGB preview of the result of the current velocity, [height/8, width/8]. It takes a few milliseconds, only when called. */
  preview(): Promise<RgbImage>;
}

/** The stage of a generation: prompt and references are encoded, the latents of an image are denoised, then decoded. */
export type DrawingStage = "encode" | "denoise" | "decode";

/** Callbacks of `Pipeline.generate`, and its signal. */
export interface GenerateHooks {
  /** Called when a stage starts. */
  onStage?(stage: DrawingStage): void;
  /** Called after each step. If it returns a promise, the next step waits for it. */
  onStep?(event: StepEvent): void | Promise<void>;
  /** Called when an image is ready, before the next one starts. */
  onImage?(image: GeneratedImage, index: number): void | Promise<void>;
  /** Called for partial results, such as an adapter with keys that fit no layer. */
  onWarning?(message: string): void;
  /** Aborting stops before the next step, and `generate` rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A result, with the seed that reproduces it. */
export interface GeneratedImage extends RgbImage {
  readonly seed: bigint;
  /** Steps that the cache skipped, if one was used. A half means that one of the two guidance passes was skipped. */
  readonly skippedSteps?: number;
}
