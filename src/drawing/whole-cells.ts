/** Sizes that are no multiples of 16: drawn a little larger, then cut. */

import { crop, type GrayImage, type RgbImage, resizeGray, resizeImage } from "../pictures/index.ts";
import type { Drawing } from "./drawing.ts";

/** Pixels a side that the model draws as one. */
const CELL = 16;

const upToCell = (side: number): number => Math.ceil(side / CELL) * CELL;

/**
 * The drawing at the next multiples of 16, with up to 15 pixels more on the right and below; undefined where the size is one already.
 * What the drawing starts from keeps its place: its edge pixels are bled into the strips.
 */
export async function inWholeCells(drawing: Drawing): Promise<Drawing | undefined> {
  const { width, height, image, mask, outpaint, controls, references } = drawing;
  const size = { width: upToCell(width), height: upToCell(height) };
  if (size.width === width && size.height === height) return undefined;
  const fitted = async (picture: RgbImage) => bleed(await resizeImage(picture, width, height, "cover"), size, 3);
  // An outpainted image keeps its own size: its extensions grow instead.
  const start = image && (outpaint ? image : await fitted(image));
  return {
    ...drawing,
    ...size,
    image: start,
    mask:
      mask && image
        ? bleed(await resizeGray(await resizeGray(mask, image.width, image.height), width, height, "cover"), size, 1)
        : mask,
    outpaint: outpaint && {
      ...outpaint,
      right: outpaint.right + size.width - width,
      bottom: outpaint.bottom + size.height - height,
    },
    controls:
      controls &&
      (await Promise.all(
        controls.map(async (control) => ({
          ...control,
          image: bleed(await resizeImage(control.image, width, height), size, 3),
        })),
      )),
    references: references?.map((reference) => (reference === image ? start! : reference)),
  };
}

/** The part of a larger drawing that was asked for. */
export const cutToSize = <Picture extends RgbImage>(picture: Picture, { width, height }: Drawing): Picture => ({
  ...picture,
  ...crop(picture, { left: 0, top: 0, width, height }),
});

/** A picture with its last column and row repeated on the right and below. */
function bleed<Picture extends RgbImage | GrayImage>(
  picture: Picture,
  { width, height }: { readonly width: number; readonly height: number },
  channels: number,
): Picture {
  const pixels = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const row = Math.min(y, picture.height - 1) * picture.width;
    for (let x = 0; x < width; x++) {
      const from = (row + Math.min(x, picture.width - 1)) * channels;
      for (let c = 0; c < channels; c++) pixels[(y * width + x) * channels + c] = picture.pixels[from + c]!;
    }
  }
  return { ...picture, width, height, pixels };
}
