import type { HostTensor } from "../onnx/index.ts";
import { type RgbImage, resample } from "../pictures/index.ts";
import { check, checkInteger, checkPicture } from "./check.ts";
import { latentGrid } from "./latents.ts";
import type { Member } from "./members.ts";
import type { Model } from "./model.ts";
import type { GenerateParams } from "./params.ts";
import { fromRgb } from "./pixels.ts";
import type { Grid } from "./rope.ts";
import { MAX_ASPECT, sizeOfArea } from "./vision/sizes.ts";
import type { ImageTokens } from "./vision/vision-tower.ts";

/** Largest side of a reference, in pixels. */
const MAX_SIDE = 16_384;

/** The reference images of an edit, in the two forms that the model reads. Without references both are empty. */
export interface References {
  /** For the text encoder: the output of the vision tower. */
  readonly seen: readonly ImageTokens[];
  /** For the transformer: latents without noise, one image after the other, [1, R, 4C]. */
  readonly latents: HostTensor;
  /** Token grids of those latents. */
  readonly grids: readonly Grid[];
}

/**
 * Checks the reference images.
 * @throws ParameterError when the member does not accept this number of references, one of them, or another parameter with them
 */
export function checkReferences(
  images: readonly RgbImage[],
  { references: rules }: Member,
  { controls }: Pick<GenerateParams, "controls">,
): void {
  const allowed = { min: rules ? 1 : 0, max: rules?.most ?? 0 };
  const range = !rules
    ? "none: this checkpoint generates from text; use an editing checkpoint for references"
    : `${allowed.max === 1 ? "one image" : `1 to ${allowed.max} images`} for this editing checkpoint`;
  const given = `${images.length} images`;
  check(images.length >= allowed.min && images.length <= allowed.max, "references", given, range);
  images.forEach((image, i) => {
    const name = `references[${i}]`;
    checkInteger(`${name}.width`, image.width, 1, MAX_SIDE);
    checkInteger(`${name}.height`, image.height, 1, MAX_SIDE);
    checkPicture(name, image, { width: image.width, height: image.height, channels: 3 });
    const aspect = Math.max(image.width / image.height, image.height / image.width);
    check(aspect <= MAX_ASPECT, name, `${image.width}×${image.height}`, `an aspect ratio of at most ${MAX_ASPECT}:1`);
  });
  check(!rules || !controls?.length, "controls", "given", "none: editing checkpoints do not support ControlNets");
}

/**
 * Scales every reference to the areas that its member was trained with, and encodes it in both forms.
 * Source: `QwenImageEditPipeline` and `QwenImageEditPlusPipeline` in diffusers.
 *
 * @param pixels area of each reference for the transformer, for example 1024²
 */
export async function encodeReferences(model: Model, images: readonly RgbImage[], pixels: number): Promise<References> {
  const { references: rules } = model.member;
  const large = images.map((image) => ofArea(image, pixels));
  const share = rules?.towerShare ?? 1;
  const seen = await model.seeImages(share === 1 ? large : images.map((image) => ofArea(image, pixels * share)));
  const latents: Float32Array[] = [];
  const grids: Grid[] = [];
  for (const image of large) {
    const grid = latentGrid(model, image);
    const planes = { data: fromRgb(image), dims: [1, 3, image.height, image.width] };
    latents.push(grid.pack(await model.encodePicture(planes)));
    grids.push(grid);
  }
  const tokens = grids.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
  return { seen, latents: { data: joined(latents), dims: [1, tokens, 4 * model.latentChannels] }, grids };
}

function ofArea(image: RgbImage, pixels: number): RgbImage {
  const { width, height } = sizeOfArea(pixels, image);
  return resample(image, width, height, "lanczos");
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
