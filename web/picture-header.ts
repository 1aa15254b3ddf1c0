/** Format and size of an image from the start of its file. It decodes nothing, so that a small file cannot fill the memory. */

export type PictureFormat = "png" | "jpeg" | "webp";

/** Format by the first bytes, regardless of the file's name; undefined for other files. */
export function formatOf(bytes: Uint8Array): PictureFormat | undefined {
  const text = String.fromCharCode(...bytes.subarray(0, 12));
  if (text.startsWith("\x89PNG\r\n\x1a\n")) return "png";
  if (text.startsWith("\xff\xd8\xff")) return "jpeg";
  if (text.startsWith("RIFF") && text.slice(8) === "WEBP") return "webp";
  return undefined;
}

export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** The size in the file's header; undefined when it is missing there. */
export function sizeOf(bytes: Uint8Array, format: PictureFormat): PictureSize | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    if (format === "png") return { width: view.getUint32(16), height: view.getUint32(20) };
    return format === "jpeg" ? jpegSize(view) : webpSize(view);
  } catch (thrown) {
    if (thrown instanceof RangeError) return undefined; // the file ends before it
    throw thrown;
  }
}

/** In the frame header (SOF), after the metadata. */
function jpegSize(view: DataView): PictureSize | undefined {
  for (let at = 2; view.getUint8(at) === 0xff; ) {
    const marker = view.getUint8(at + 1);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    at += 2 + view.getUint16(at + 2);
  }
  return undefined;
}

/** The first chunk is `VP8 ` (lossy), `VP8L` (lossless) or `VP8X` (extended). */
function webpSize(view: DataView): PictureSize | undefined {
  const little = true;
  switch (view.getUint32(12)) {
    case 0x56503820:
      return { width: view.getUint16(26, little) & 0x3fff, height: view.getUint16(28, little) & 0x3fff };
    case 0x5650384c: {
      const bits = view.getUint32(21, little);
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    case 0x56503858:
      return {
        width: (view.getUint32(24, little) & 0xffffff) + 1,
        height: (view.getUint32(27, little) & 0xffffff) + 1,
      };
  }
  return undefined;
}
