/** Files of users. Their first bytes, not their names, show whether they are images. */

import { formatOf, sizeOf } from "./picture-header.ts";
import { words } from "./text/index.ts";

/** Largest file and image that the page sends to the server. */
const MOST_BYTES = 40e6;
const MOST_PIXELS = 50e6;

/** Bytes of a file's start that include its size, even with long metadata. */
const HEAD_BYTES = 4e6;

/** Decodes a file once, to check that it is an image of an acceptable size. Throws an `Error` with a sentence for the user. */
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
