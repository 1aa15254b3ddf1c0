/** Converts an edit to a task. */

import type { Parameters, Picture } from "../../api/types.ts";
import type { Mask } from "../../mask/raster.ts";
import { isPainted } from "../../mask/strokes.ts";
import { drawableSides } from "../../mask/view.ts";
import { draft } from "../../state/draft.ts";
import { type Edit, isExtended } from "../../state/edits.ts";
import { canEdit } from "../../state/models.ts";
import { upload } from "../../state/pictures.ts";
import { schemaAt } from "../../state/schema.ts";

/** Settings of the draft that also apply to edits. */
const SHARED = [
  "model",
  "negativePrompt",
  "steps",
  "scheduler",
  "CFGScale",
  "seed",
  "lora",
  "acceleratorOptions",
  "settings",
  "safety",
  "outputFormat",
];

/** The size of a redrawn image: its own if the API accepts it, else the nearest one with a similar shape. */
export function redrawnSize({ width, height }: Pick<Picture, "width" | "height">): {
  readonly width: number;
  readonly height: number;
} {
  const { minimum = 128, maximum = 2048, multipleOf = 8 } = schemaAt("width") ?? {};
  const scale = Math.max(
    Math.min(1, maximum / Math.max(width, height)),
    Math.min(minimum / Math.min(width, height), maximum / Math.max(width, height)),
  );
  const side = (length: number) =>
    Math.max(minimum, Math.min(maximum, Math.round((length * scale) / multipleOf) * multipleOf));
  return { width: side(width), height: side(height) };
}

/** The task that redraws the painted part, extends the image, or changes all of it. `mask` returns the painted area. */
export async function redrawTask(picture: Picture, edit: Edit, mask: () => Mask): Promise<Parameters> {
  const { imageUUID: seedImage, width, height } = picture;
  const shared = Object.fromEntries(Object.entries(draft.value).filter(([key]) => SHARED.includes(key)));
  const words = { ...shared, positivePrompt: edit.prompt.trim() === "" ? "__BLANK__" : edit.prompt };
  // A model that edits also gets the image as a reference.
  const referenceImages = canEdit.value ? [seedImage, ...(edit.references ?? [])] : undefined;
  const looked = referenceImages && { referenceImages };
  if (isExtended(edit.sides)) {
    const sides = drawableSides(picture, edit.sides);
    const size = { width: width + sides.left + sides.right, height: height + sides.top + sides.bottom };
    return {
      ...words,
      ...size,
      inputs: { ...looked, seedImage, strength: 1 },
      outpaint: { ...sides, blur: 8 },
    } as Parameters;
  }
  // With an instruction it generates the whole image again, in the same shape.
  if (looked && !isPainted(edit.mask)) return { ...words, inputs: looked } as Parameters;
  const size = redrawnSize(picture);
  if (!isPainted(edit.mask)) return { ...words, ...size, inputs: { seedImage, strength: edit.strength } } as Parameters;
  const { imageUUID: maskImage } = await upload(await maskFile(mask()));
  const inputs = { ...looked, seedImage, maskImage, strength: edit.strength };
  return {
    ...words,
    ...size,
    inputs,
    ...(edit.maskMargin !== undefined && { maskMargin: edit.maskMargin }),
  } as Parameters;
}

/** The mask as a PNG: white changes, black stays. */
async function maskFile({ width, height, alpha }: Mask): Promise<Blob> {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(width, height);
  for (const [i, value] of alpha.entries()) {
    image.data.fill(value, 4 * i, 4 * i + 3);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}
