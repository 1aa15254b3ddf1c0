/** The vocabulary of the engine's public face: what goes in, what is reported, what comes out. */

import type { GrayImage, RgbImage } from "../pictures/index.ts";
import type { ControlParams } from "./control-net/params.ts";
import type { LoraParams } from "./lora/params.ts";
import type { CacheParams } from "./step-cache/params.ts";

/** What to draw, in the field's own words. Ranges are checked by `Pipeline.generate`, which names the field it refuses. */
export interface GenerateParams {
  readonly prompt: string;
  /** Default: a single space, as the model card recommends. */
  readonly negativePrompt?: string;
  /**
   * Pixels, 16…16384, snapped down to a multiple of 16. Default of an edit: about `referencePixels`, with the aspect of the last
   * reference.
   */
  readonly width?: number;
  readonly height?: number;
  /** Denoising steps, 1…1000. Default 20. */
  readonly steps?: number;
  /** A scheduler's name, in any letter case: solver and noise levels. Default "Default", the model's own Euler. */
  readonly scheduler?: string;
  /** True classifier-free guidance scale; at 1 or below the model runs once per step, without the negative prompt. Default 4. */
  readonly guidance?: number;
  /** 0 … 2⁶⁴-1; result `i` uses `seed + i`. Only the low 32 bits reach torch's generator, as in PyTorch. Default: random. */
  readonly seed?: bigint;
  /** Pictures to draw, 1…20. Default 1. */
  readonly count?: number;
  /**
   * Images that the prompt speaks of, of any size: what an editing checkpoint changes or takes things from. One for
   * Qwen-Image-Edit, up to three for Edit-2509 and Edit-2511; these need at least one, other checkpoints take none.
   */
  readonly references?: readonly RgbImage[];
  /** The area that each reference is brought to, in pixels. Smaller is faster and sees less. 1024…4194304, default 1024². */
  readonly referencePixels?: number;
  /** A picture to start from, of exactly the size drawn. */
  readonly image?: RgbImage;
  /** How much of `image` may change, above 0 to 1: only the last `strength · steps` steps run. Default 0.8. */
  readonly strength?: number;
  /** Which parts of `image` may change: white all, black none, grey g during the last share g of the steps. Size of `image`. */
  readonly mask?: GrayImage;
  /** Adapters laid over the transformer; their effects add up. */
  readonly loras?: readonly LoraParams[];
  /** ControlNets with their guide images; their effects add up. */
  readonly controls?: readonly ControlParams[];
  /** Noise levels other than the checkpoint's own, as a distilled adapter was trained with. */
  readonly schedule?: ScheduleOverride;
  /** Skips transformer blocks in steps that change little: faster, and not quite the same picture. Default: none. */
  readonly cache?: CacheParams;
}

/** Settings of `scheduler_config.json` by their own names. Qwen-Image-Lightning: both shifts ln 3, no terminal. */
export interface ScheduleOverride {
  readonly base_shift?: number;
  readonly max_shift?: number;
  readonly shift_terminal?: number | null;
}

/** Reported after every solver step. */
export interface StepEvent {
  /** Index of the picture within this call, from 0. */
  readonly image: number;
  /** Steps finished, 1…steps. */
  readonly step: number;
  readonly steps: number;
  /** Noise level that the latents have now, 0…1. */
  readonly sigma: number;
  /** A rough RGB picture of where the current velocity leads, [height/8, width/8]: a few milliseconds, made only when called. */
  preview(): Promise<RgbImage>;
}

/** What a drawing does at the moment: prompt and references are encoded, the latents of a picture denoised and decoded. */
export type DrawingStage = "encode" | "denoise" | "decode";

export interface GenerateHooks {
  /** Called when a stage begins. */
  onStage?(stage: DrawingStage): void;
  /** Called after each step; when it returns a promise, the next step waits for it. */
  onStep?(event: StepEvent): void | Promise<void>;
  /** Called as each picture is ready, before the next one starts. */
  onImage?(image: GeneratedImage, index: number): void | Promise<void>;
  /** Called for what was done only in part, such as an adapter of which not all layers fit. */
  onWarning?(message: string): void;
  /** Aborting stops before the next step and makes `generate` reject with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface GeneratedImage extends RgbImage {
  readonly seed: bigint;
  /** Steps that the cache answered, when there was one; a half when only one of the two guidance passes was skipped. */
  readonly skippedSteps?: number;
}
