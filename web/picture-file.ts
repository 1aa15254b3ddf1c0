/** Files that people bring: pictures by their first bytes, whatever their names say. */

import { formatOf, sizeOf } from "./picture-header.ts";
import { words } from "./text/index.ts";

/** The largest file and picture that the page hands to the server. */
const MOST_BYTES = 40e6;
const MOST_PIXELS = 50e6;

/** The size stands in so much of a file's beginning, however long its metadata. */
const HEAD_BYTES = 4e6;

/** Decodes the file once, so that what is handed on is a picture of a bearable size. Throws an `Error` with a sentence for the person. */
export async function checkPictureFile(file: Blob): Promise<void> {
  const head = new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer());
  const format = formatOf(head);
  if (format === undefined) throw new Error(words.value.notAPicture);
  const { width, height } = sizeOf(head, format) ?? { width: 0, height: 0 };
  if (width * height === 0) throw new Error(words.value.damagedPicture);
  if (file.size > MOST_BYTES || width * height > MOST_PIXELS) throw new Error(words.value.fileTooLarge);
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error(words.value.damagedPicture);
  });
  bitmap.close();
}
