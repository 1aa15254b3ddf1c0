/** Input images of a task: files on this machine, or images inside the task. */

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { maskFromPicture, type TaskPictures } from "../drawing/index.ts";
import { contentTypeOf, type DecodedImage, decodeImage, ImageError, readHeader } from "../pictures/index.ts";
import { carriedBase64, type ImageInferenceTask } from "../protocol/index.ts";
import { UsageError } from "./exit.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Reads an image file into a data URI, the form in which a task can contain it.
 * @throws UsageError with the flag if the file cannot be read or is not an image
 */
export async function pictureFile(
  flag: string,
  file: string | undefined,
  terminal: Terminal,
): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const bytes = await readFile(resolve(terminal.cwd, file)).catch((error: Error) => {
    throw new UsageError(`${flag}: ${file} cannot be read (${error.message})`);
  });
  const { format } = await named(`${flag}: ${file}`, () => readHeader(bytes));
  return `data:${contentTypeOf(format)};base64,${bytes.toString("base64")}`;
}

/**
 * Decodes the images that a task contains as data URI or base64.
 * @throws UsageError with the parameter for a damaged image, and for an image UUID or URL, which only a server can
 * resolve
 */
export async function loadPictures(task: ImageInferenceTask): Promise<TaskPictures> {
  const { inputs, controlNet = [] } = task;
  const one = (path: string, reference: string | undefined) =>
    reference === undefined ? undefined : carried(path, reference);
  const seedImage = await one("inputs.seedImage", inputs?.seedImage);
  const maskImage = await one("inputs.maskImage", inputs?.maskImage);
  const watermarkImage = await one("advancedFeatures.watermark.image", task.advancedFeatures?.watermark?.image);
  const references = await Promise.all(
    (inputs?.referenceImages ?? []).map((reference, i) => carried(`inputs.referenceImages.${i}`, reference)),
  );
  const guides = await Promise.all(
    controlNet.map(({ guideImage }, i) => carried(`controlNet.${i}.guideImage`, guideImage)),
  );
  return { references, guides, seedImage, watermarkImage, maskImage: maskImage && maskFromPicture(maskImage) };
}

async function carried(parameter: string, reference: string): Promise<DecodedImage> {
  if (/^(https?:|[0-9a-f]{8}-)/i.test(reference)) {
    throw new UsageError(
      `${parameter} is ${reference}; inkstone generate accepts files (--seed-image, --mask, --reference), data URIs and base64`,
    );
  }
  return carriedPicture(parameter, reference);
}

/**
 * Decodes a data URI or base64.
 * @throws UsageError with `name` for a damaged image
 */
export function carriedPicture(name: string, carried: string): Promise<DecodedImage> {
  return named(name, () => decodeImage(Buffer.from(carriedBase64(carried) ?? "", "base64")));
}

async function named<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof ImageError ? new UsageError(`${name}: ${error.message}`, { cause: error }) : error;
  }
}
