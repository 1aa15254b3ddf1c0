import type {
  CacheParams,
  ControlParams,
  GeneratedImage,
  GenerateHooks,
  GenerateParams,
  LoraParams,
  ScheduleOverride,
} from "../engine/index.ts";
import type { GrayImage, RgbImage } from "../pictures/index.ts";

/** A picture as a person asks for it, whatever size the model draws at and the inputs come in. */
export interface Drawing {
  readonly prompt: string;
  readonly negativePrompt?: string;
  /** Pixels of the finished picture. */
  readonly width: number;
  readonly height: number;
  readonly steps?: number;
  readonly guidance?: number;
  readonly scheduler?: string;
  readonly seed: bigint;
  readonly count?: number;
  /** A picture to start from, of any size. */
  readonly image?: RgbImage;
  /** How much of `image` may change, 0 (nothing) … 1 (all). */
  readonly strength?: number;
  /** Where `image` may change: white yes, black no, grey partly. Stretched to the image's size when it differs. */
  readonly mask?: GrayImage;
  /** Zoom into the mask: draw only its bounding box and this many pixels around it, at full working size. */
  readonly maskMargin?: number;
  /** Pixels to add on each side of `image`. */
  readonly outpaint?: Outpaint;
  /** Skips work in steps that change little. */
  readonly cache?: CacheParams;
  readonly loras?: readonly LoraParams[];
  /** ControlNets; a mask goes to those that inpaint. */
  readonly controls?: readonly Control[];
  /** Noise levels that a distilled LoRA was trained with. */
  readonly schedule?: ScheduleOverride;
}

/** A ControlNet and its guide image, which may be of any size: it is stretched over the whole picture. */
export type Control = Omit<ControlParams, "mask">;

export interface Outpaint {
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly left: number;
  /** Width of the band inside the old border that is blended with the new, in pixels. */
  readonly blur: number;
}

/** What draws: a `Pipeline`, or an engine process with a checkpoint chosen. */
export interface Engine {
  generate(params: GenerateParams, hooks: EngineHooks): Promise<GeneratedImage[]>;
}

/** The hooks that a pipeline and an engine process share. */
export type EngineHooks = Pick<GenerateHooks, "signal" | "onWarning"> & {
  onStep?(step: { image: number; step: number; steps: number; sigma: number }): void;
  onImage?(image: GeneratedImage, index: number): void | Promise<void>;
};
