import type { RgbImage } from "../../pictures/index.ts";
import { composite } from "../../pictures/index.ts";
import { draw } from "../draw.ts";
import type { Drawing, Engine } from "../drawing.ts";
import { type Face, inReadingOrder } from "./face.ts";
import { faceMask, type MaskShape } from "./mask.ts";

/** How faces are drawn again; face i uses `seed + i`. */
export interface Refinement
  extends MaskShape,
    Pick<
      Drawing,
      "prompt" | "negativePrompt" | "steps" | "guidance" | "scheduler" | "loras" | "schedule" | "strength" | "seed"
    > {
  /** The model edits: it is shown the picture as its reference. */
  readonly edits?: boolean;
}

export interface RefineStep {
  /** The face being refined, from 0, of `faces`. */
  readonly face: number;
  readonly faces: number;
  /** Steps of this face that are done, 1…steps. */
  readonly step: number;
  readonly steps: number;
}

export interface RefineOptions {
  /** Most pixels the model draws. Absent: no limit. */
  readonly maxPixels?: number;
  readonly signal?: AbortSignal;
  onStep?(step: RefineStep): void | Promise<void>;
}

/** Pixels of surroundings that the model sees around a mask, so that the new face fits in. */
const CONTEXT = 32;

/**
 * Draws each face again at the model's full size, one after the other from left to right, and lays it over the old one. Pixels where
 * all masks are black stay as they are, bit for bit; so does everything without faces, or with strength 0.
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
