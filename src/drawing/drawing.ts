import type { ControlParams, GeneratedImage, GenerateHooks, GenerateParams } from "../engine/index.ts";
import type { Size } from "../models/index.ts";
import type { GrayImage, RgbImage } from "../pictures/index.ts";

/** A picture as a person asks for it, whatever size the model draws at and the inputs come in. Otherwise as the engine draws. */
export interface Drawing extends Omit<GenerateParams, "controls"> {
  /** Pixels of the finished picture. */
  readonly width: number;
  readonly height: number;
  readonly seed: bigint;
  /** A picture to start from, of any size. */
  readonly image?: RgbImage;
  /** How much of `image` may change, 0 (nothing) … 1 (all). */
  readonly strength?: number;
  /** Where `image` may change: white yes, black no, grey partly. Stretched to the image's size when it differs. */
  readonly mask?: GrayImage;
  /** Zoom into the mask: draw only its bounding box and this many pixels around it, at full working size. */
  readonly maskMargin?: number;
  /** Longer side of what the engine draws, in pixels; the result is brought to its place. Default: as large as the picture. */
  readonly workingSide?: number;
  /** Pixels to add on each side of `image`. */
  readonly outpaint?: Outpaint;
  /** ControlNets; a mask goes to those that inpaint. */
  readonly controls?: readonly Control[];
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

/** What draws: a `Pipeline`, or what stands in for one. The size is settled before it is asked. */
export interface Engine {
  generate(params: GenerateParams & Size, hooks: GenerateHooks): Promise<GeneratedImage[]>;
}
