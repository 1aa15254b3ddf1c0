/** Files that people bring: pictures by their first bytes, whatever their names say. */

import { words } from "./text/index.ts";

export type PictureFormat = "png" | "jpeg" | "webp";

/** The largest file and picture that the page hands to the server. */
const MOST_BYTES = 40e6;
const MOST_PIXELS = 50e6;

export function formatOf(bytes: Uint8Array): PictureFormat | undefined {
  const text = String.fromCharCode(...bytes.subarray(0, 12));
  if (text.startsWith("\x89PNG\r\n\x1a\n")) return "png";
  if (text.startsWith("\xff\xd8\xff")) return "jpeg";
  if (text.startsWith("RIFF") && text.slice(8) === "WEBP") return "webp";
  return undefined;
}

/** Decodes the file once, so that what is handed on is a picture of a bearable size. Throws an `Error` with a sentence for the person. */
export async function checkPictureFile(file: Blob): Promise<ImageBitmap> {
  const format = formatOf(new Uint8Array(await file.slice(0, 12).arrayBuffer()));
  if (format === undefined) throw new Error(words.value.notAPicture);
  if (file.size > MOST_BYTES) throw new Error(words.value.fileTooLarge);
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error(words.value.damagedPicture);
  });
  if (bitmap.width * bitmap.height > MOST_PIXELS) throw new Error(words.value.fileTooLarge);
  return bitmap;
}
