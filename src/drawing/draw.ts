import {
  type ControlParams,
  type GeneratedImage,
  type GenerateHooks,
  type GenerateParams,
  ParameterError,
} from "../engine/index.ts";
import { planSize, type Size } from "../models/index.ts";
import {
  composite,
  type GrayImage,
  paste,
  type Rectangle,
  type RgbImage,
  resizeGray,
  resizeImage,
} from "../pictures/index.ts";
import type { Drawing, Engine } from "./drawing.ts";
import { maskBounds, releaseCells, seam, zoomRegion } from "./mask.ts";
import { extendPicture } from "./outpaint.ts";
import { atSide, cutOut, inWholeCells, withinPicture } from "./whole-cells.ts";

/** Options and callbacks of `draw`. */
export interface DrawOptions extends GenerateHooks {
  /** Most pixels that the model generates; a larger image is generated smaller and enlarged. Absent: no limit. */
  readonly maxPixels?: number;
}

/**
 * Generates images of exactly the requested size. It prepares the inputs at the working size of the model, runs the engine, and
 * scales the result back. Every pixel outside the mask keeps its value, bit for bit.
 *
 * @throws ParameterError naming the parameter in the API's words, the value given and the values allowed
 */
export async function draw(engine: Engine, drawing: Drawing, options: DrawOptions = {}): Promise<GeneratedImage[]> {
  const { maxPixels, ...hooks } = options;
  const start = await prepare(drawing);
  if (start && drawing.strength === 0) return unchanged(start.image, drawing, hooks);

  const whole = inWholeCells(drawing);
  const area = start?.region ?? { left: 0, top: 0, ...whole };
  const working = planSize(atSide(whole, drawing.workingSide), maxPixels).drawn;
  const controls = await guided(drawing, start, area, working);
  const image = start && (await resizeImage(cutOut(start.image, area), working.width, working.height));
  const params = {
    ...engineParams(drawing),
    ...working,
    controls,
    image,
    // If the reference is also the seed image, both show the engine the same region.
    references: drawing.references?.map((reference) => (reference === drawing.image ? image! : reference)),
    mask: start?.mask && releaseCells(await resizeGray(cutOut(start.mask, area), working.width, working.height)),
  };
  const finished: GeneratedImage[] = [];
  await engine.generate(params, {
    ...hooks,
    async onImage(drawn, index) {
      const resized = withinPicture(await resizeImage(drawn, area.width, area.height), drawing);
      finished[index] = { ...drawn, ...(start ? laidOver(start, resized, area) : resized) };
      await hooks.onImage?.(finished[index], index);
    },
  });
  return finished;
}

/** The seed image, at the size of the finished image. */
interface Start {
  readonly image: RgbImage;
  /** White where the engine may change it. */
  readonly mask?: GrayImage;
  /** Opacity of the new image over the old, 0…255. Absent: the new image covers it. */
  readonly opacity?: GrayImage;
  /** The region to generate. Absent: the whole image. */
  readonly region?: Rectangle;
}

/** Pastes the generated region into the seed image. All other pixels keep their value, bit for bit. */
function laidOver({ image, opacity }: Start, drawn: RgbImage, area: Rectangle): RgbImage {
  return opacity ? composite(image, paste(image, drawn, area.left, area.top), opacity) : drawn;
}

async function prepare(drawing: Drawing): Promise<Start | undefined> {
  const { image, mask, outpaint, maskMargin, width, height } = drawing;
  if (!image) {
    if (mask) throw new ParameterError("seedImage", "maskImage needs a seedImage; send both");
    if (outpaint) throw new ParameterError("seedImage", "outpaint needs a seedImage to extend; send both");
    return undefined;
  }
  if (outpaint) {
    const extended = extendPicture(image, outpaint, drawing);
    return { ...extended, mask: extended.opacity };
  }
  const covered = await resizeImage(image, width, height, "cover");
  if (!mask) return { image: covered };
  const aligned = await resizeGray(mask, image.width, image.height);
  const covering = await resizeGray(aligned, width, height, "cover");
  const bounds = maskBounds(covering);
  if (!bounds)
    throw new ParameterError("maskImage", "maskImage is black everywhere; paint white over the area to change");
  return {
    image: covered,
    mask: covering,
    opacity: seam(covering),
    region: maskMargin === undefined ? undefined : zoomRegion(bounds, maskMargin, covered),
  };
}

function engineParams(drawing: Drawing): Omit<GenerateParams, "width" | "height" | "image" | "mask" | "controls"> {
  const { width, height, image, mask, maskMargin, workingSide, outpaint, controls, ...params } = drawing;
  return params;
}

/** A guide covers the whole image. The engine gets the part that belongs to the region, at the working size. */
async function guided(
  { controls, width, height }: Drawing,
  start: Start | undefined,
  area: Rectangle,
  working: Size,
): Promise<ControlParams[] | undefined> {
  if (!controls) return undefined;
  const mask = start?.mask && (await resizeGray(cutOut(start.mask, area), working.width, working.height));
  return Promise.all(
    controls.map(async (control) => {
      const whole = await resizeImage(control.image, width, height);
      const image = await resizeImage(cutOut(whole, area), working.width, working.height);
      return { ...control, image, mask };
    }),
  );
}

/** With strength 0 nothing is generated: the result is the seed image at the requested size. */
async function unchanged(
  image: RgbImage,
  { seed, count = 1 }: Drawing,
  hooks: Pick<GenerateHooks, "onImage">,
): Promise<GeneratedImage[]> {
  const images = Array.from({ length: count }, (_, i) => ({ ...image, seed: BigInt.asUintN(64, seed + BigInt(i)) }));
  for (const [index, picture] of images.entries()) await hooks.onImage?.(picture, index);
  return images;
}
