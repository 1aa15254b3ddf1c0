import type { ControlParams, GeneratedImage, GenerateHooks, GenerateParams } from "../engine/index.ts";
import type { Size } from "../models/index.ts";
import type { GrayImage, RgbImage } from "../pictures/index.ts";

/** An image as the caller wants it: any size, inputs of any size. All other parameters are those of the engine. */
export interface Drawing extends Omit<GenerateParams, "controls"> {
  /** Size of the finished image, in pixels. */
  readonly width: number;
  readonly height: number;
  readonly seed: bigint;
  /** A seed image of any size. */
  readonly image?: RgbImage;
  /** How much of `image` may change: 0 (nothing) … 1 (everything). */
  readonly strength?: number;
  /** The area of `image` that may change: white changes, black stays, grey changes partly. It is stretched to the image's size. */
  readonly mask?: GrayImage;
  /** Zoom into the mask: generate only its bounding box and this many pixels around it, at the full working size. */
  readonly maskMargin?: number;
  /** Longer side that the engine generates, in pixels; the result is scaled to its place. Default: the side of the image. */
  readonly workingSide?: number;
  /** Pixels to add on each side of `image`. */
  readonly outpaint?: Outpaint;
  /** ControlNets. Those that inpaint also get the mask. */
  readonly controls?: readonly Control[];
}

/** A ControlNet and its guide image. The guide may have any size: it is stretched over the whole image. */
export type Control = Omit<ControlParams, "mask">;

/** Pixels to add on each side of a seed image. */
export interface Outpaint {
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly left: number;
  /** Width of the band inside the old border that blends old and new, in pixels. */
  readonly blur: number;
}

/** Generates images: a `Pipeline`, or its replacement in a test. It always gets a final size. */
export interface Engine {
  generate(params: GenerateParams & Size, hooks: GenerateHooks): Promise<GeneratedImage[]>;
}
