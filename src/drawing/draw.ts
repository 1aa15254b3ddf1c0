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

export interface DrawOptions extends GenerateHooks {
  /** Most pixels the model draws; larger pictures are drawn smaller and enlarged. Absent: no limit. */
  readonly maxPixels?: number;
}

/**
 * Draws pictures of exactly the size asked for: prepares the inputs at the size the model works at, runs the engine, and brings
 * the result back, leaving every pixel that was to be kept bit for bit as it was.
 *
 * @throws ParameterError naming the parameter in the API's words, what was given and what is allowed
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
    // What is drawn over is shown as it is drawn: the same part of it.
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

/** What is drawn over, at the finished picture's size. */
interface Start {
  readonly image: RgbImage;
  /** Where the engine may change it. */
  readonly mask?: GrayImage;
  /** How much of the new picture shows; absent when all of it does. */
  readonly opacity?: GrayImage;
  /** The part that is drawn, when not all of it. */
  readonly region?: Rectangle;
}

/** What was drawn in its place, the rest of the starting picture bit for bit as it was. */
function laidOver({ image, opacity }: Start, drawn: RgbImage, area: Rectangle): RgbImage {
  return opacity ? composite(image, paste(image, drawn, area.left, area.top), opacity) : drawn;
}

async function prepare(drawing: Drawing): Promise<Start | undefined> {
  const { image, mask, outpaint, maskMargin, width, height } = drawing;
  if (!image) {
    if (mask) throw new ParameterError("seedImage", "maskImage is given without the seedImage it belongs to");
    if (outpaint) throw new ParameterError("seedImage", "outpaint is given without the seedImage to extend");
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
  if (!bounds) throw new ParameterError("maskImage", "maskImage is black all over; allowed: white where to repaint");
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

/** Guides cover the whole picture; the engine is given the part that is drawn, at the size that is drawn. */
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

/** Strength 0 leaves nothing to draw: the seed image comes back at the size asked for. */
async function unchanged(
  image: RgbImage,
  { seed, count = 1 }: Drawing,
  hooks: Pick<GenerateHooks, "onImage">,
): Promise<GeneratedImage[]> {
  const images = Array.from({ length: count }, (_, i) => ({ ...image, seed: BigInt.asUintN(64, seed + BigInt(i)) }));
  for (const [index, picture] of images.entries()) await hooks.onImage?.(picture, index);
  return images;
}
