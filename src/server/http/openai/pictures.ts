/** Files of an edit as inputs of a task. */

import type { MultipartFile } from "@fastify/multipart";
import { type DecodedImage, decodeImage, encodeImage, ImageError } from "../../../pictures/index.ts";
import { type InputPictures, OpenAIError } from "./request.ts";

/** The texts and files of a multipart form. */
export interface ImagesForm {
  readonly fields: Readonly<Record<string, string>>;
  readonly images: readonly Buffer[];
  readonly mask?: Buffer;
}

/** Reads a form. The limits of the parser bound its files. @throws OpenAIError for an unknown field */
export async function readForm(
  parts: AsyncIterable<MultipartFile | { type: "field"; fieldname: string; value: unknown }>,
): Promise<ImagesForm> {
  const fields: Record<string, string> = {};
  const images: Buffer[] = [];
  let mask: Buffer | undefined;
  for await (const part of parts) {
    if (part.type === "field") fields[part.fieldname] = String(part.value);
    else if (part.fieldname === "image" || part.fieldname === "image[]") images.push(await part.toBuffer());
    else if (part.fieldname === "mask") mask = await part.toBuffer();
    else throw new OpenAIError(400, `Unknown parameter: '${part.fieldname}'.`, part.fieldname, "unknown_parameter");
  }
  return { fields, images, mask };
}

/**
 * The first image as seed image, or all images as references of an editing model. OpenAI's masks are transparent where
 * to edit; Inkstone's masks are white there.
 * @param most most references of the model; 0 for a model that edits through a seed image
 * @throws OpenAIError with the name of the unusable file
 */
export async function inputPictures(
  { images, mask }: ImagesForm,
  maxPixels: number,
  most: number,
): Promise<InputPictures> {
  const [first] = images;
  if (first === undefined)
    throw new OpenAIError(400, "Missing required parameter: 'image'.", "image", "missing_required_parameter");
  if (images.length > Math.max(1, most)) {
    const reason = most > 1 ? `This model takes up to ${most} images.` : "This model takes one image.";
    const advice = most === 0 ? " Several need an editing checkpoint." : "";
    throw new OpenAIError(400, `${reason}${advice}`, "image", "invalid_value");
  }
  const referenceImages = most > 0 ? images.map((image) => image.toString("base64")) : undefined;
  if (referenceImages && !mask) {
    for (const image of images) await decoded(image, "image", maxPixels);
    return { referenceImages };
  }
  const picture = await decoded(first, "image", maxPixels);
  const opening = mask && (await decoded(mask, "mask", maxPixels));
  if (opening && (opening.width !== picture.width || opening.height !== picture.height)) {
    const sizes = `${opening.width}x${opening.height}, the image ${picture.width}x${picture.height}`;
    throw new OpenAIError(400, `The mask has ${sizes}; both must have the same size.`, "mask", "invalid_value");
  }
  if (opening && opening.alpha === undefined) {
    throw new OpenAIError(
      400,
      "The mask has no transparency. Transparent pixels mark the area to edit.",
      "mask",
      "invalid_value",
    );
  }
  return {
    referenceImages,
    seedImage: first.toString("base64"),
    maskImage:
      opening && Buffer.from(await encodeImage(whiteWhereClear(opening), { format: "PNG" })).toString("base64"),
    size: { width: picture.width, height: picture.height },
  };
}

async function decoded(bytes: Buffer, param: string, maxPixels: number): Promise<DecodedImage> {
  try {
    return await decodeImage(bytes, { maxPixels });
  } catch (error) {
    if (error instanceof ImageError)
      throw new OpenAIError(400, `Invalid '${param}': ${error.message}.`, param, "invalid_image");
    throw error;
  }
}

function whiteWhereClear({ width, height, alpha }: DecodedImage) {
  const pixels = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) pixels.fill(255 - alpha![i]!, 3 * i, 3 * i + 3);
  return { width, height, pixels };
}
