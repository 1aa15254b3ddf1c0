import { composite, type GrayImage, type RgbImage } from "../../pictures/index.ts";
import { draw } from "../draw.ts";
import type { Drawing, Engine } from "../drawing.ts";
import { type Box, clip, type Face, inReadingOrder } from "./face.ts";

/** Parameters to generate faces again. Face i uses `seed + i`. */
export interface Refinement
  extends MaskShape,
    Pick<
      Drawing,
      | "prompt"
      | "negativePrompt"
      | "steps"
      | "guidance"
      | "scheduler"
      | "loras"
      | "schedule"
      | "strength"
      | "seed"
      | "workingSide"
    > {
  /** The model edits images: it gets the image as its reference. */
  readonly edits?: boolean;
}

/** Progress of refining faces. */
export interface RefineStep {
  /** The face that is being refined, 0…`faces` - 1. */
  readonly face: number;
  readonly faces: number;
  /** Finished steps of this face, 1…`steps`. */
  readonly step: number;
  readonly steps: number;
}

/** Options and callbacks of `refineFaces`. */
export interface RefineOptions {
  /** Most pixels that the model generates. Absent: no limit. */
  readonly maxPixels?: number;
  readonly signal?: AbortSignal;
  onStep?(step: RefineStep): void | Promise<void>;
}

/** Pixels around the mask that the model also sees, so that the new face fits its surroundings. */
const CONTEXT = 32;

/**
 * Generates each face again at the full working size and pastes it over the old one, from left to right. Pixels that are black in all
 * masks keep their value, bit for bit. Without faces, or with strength 0, the image does not change.
 *
 * @throws the reason of `signal`, within one step
 */
export async function refineFaces<Picture extends RgbImage>(
  engine: Engine,
  picture: Picture,
  faces: readonly Face[],
  refinement: Refinement,
  { maxPixels, signal, onStep }: RefineOptions = {},
): Promise<Picture> {
  const { maskPadding, maskBlur, edits, ...painting } = refinement;
  if (painting.strength === 0) return picture;
  const masks = inReadingOrder(faces).flatMap(({ box }) => faceMask(box, refinement, picture) ?? []);
  let current: RgbImage = picture;
  for (const [face, mask] of masks.entries()) {
    signal?.throwIfAborted();
    const drawing: Drawing = {
      ...painting,
      seed: BigInt.asUintN(64, painting.seed + BigInt(face)),
      width: picture.width,
      height: picture.height,
      image: current,
      references: edits ? [current] : [],
      mask,
      maskMargin: CONTEXT,
    };
    const [drawn] = await draw(engine, drawing, {
      maxPixels,
      signal,
      onStep: ({ step, steps }) => onStep?.({ face, faces: masks.length, step, steps }),
    });
    current = composite(current, drawn!, mask);
  }
  return { ...picture, pixels: current.pixels };
}

/** Size of the mask around a face. */
export interface MaskShape {
  /** Pixels added to each side of the face, a whole number. */
  readonly maskPadding: number;
  /** Pixels outside the padding over which the mask fades out, a whole number. */
  readonly maskBlur: number;
}

/**
 * The mask of one face: white over the box and `maskPadding` around it, fading to black over the next `maskBlur` pixels. It is cut
 * at the border of the image, without a fade there.
 * @returns undefined when no pixel of the box is inside the image
 */
export function faceMask(
  box: Box,
  { maskPadding, maskBlur }: MaskShape,
  picture: { width: number; height: number },
): GrayImage | undefined {
  const inside = clip(box, picture);
  if (!inside) return undefined;
  const { width, height } = picture;
  const left = Math.floor(inside.left) - maskPadding;
  const top = Math.floor(inside.top) - maskPadding;
  const right = Math.ceil(inside.left + inside.width) + maskPadding; // the first pixel outside
  const bottom = Math.ceil(inside.top + inside.height) + maskPadding;
  const pixels = new Uint8Array(width * height);
  for (let y = Math.max(0, top - maskBlur); y < Math.min(height, bottom + maskBlur); y++) {
    const dy = distance(y, top, bottom);
    for (let x = Math.max(0, left - maskBlur); x < Math.min(width, right + maskBlur); x++) {
      pixels[y * width + x] = fading(Math.hypot(distance(x, left, right), dy), maskBlur);
    }
  }
  return { width, height, pixels };
}

/** Distance in pixels from a position to the span [from, to). */
function distance(position: number, from: number, to: number): number {
  return Math.max(from - position, 0, position - (to - 1));
}

/** 255 at distance 0, falling smoothly to 0 one pixel outside the blur. */
function fading(distance: number, blur: number): number {
  const t = Math.min(1, distance / (blur + 1));
  return Math.round(255 * (1 - t * t * (3 - 2 * t)));
}
