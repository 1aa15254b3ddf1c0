/** The texts in an image file, by name: PNG's text chunks, XMP, and the user comment of EXIF. */

export type Texts = Readonly<Record<string, string>>;

/** Longest text to read. */
const MOST_BYTES = 1_000_000;

const latin1 = new TextDecoder("latin1");
const utf8 = new TextDecoder();
const strictUtf8 = new TextDecoder("utf-8", { fatal: true });

/** Reads the texts of a PNG, JPEG or WEBP file. It ignores damaged parts. */
export async function textsOf(bytes: Uint8Array): Promise<Texts> {
  const head = latin1.decode(bytes.subarray(0, 12));
  try {
    if (head.slice(1, 4) === "PNG") return await pngTexts(bytes);
    if (head.startsWith("\xff\xd8")) return jpegTexts(bytes);
    if (head.startsWith("RIFF")) return webpTexts(bytes);
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown; // the file ends early
  }
  return {};
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

async function pngTexts(bytes: Uint8Array): Promise<Texts> {
  const view = viewOf(bytes);
  const texts: Record<string, string> = {};
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const type = latin1.decode(bytes.subarray(at + 4, at + 8));
    const data = bytes.subarray(at + 8, at + 8 + length);
    at += 12 + length;
    if (type === "IEND") break;
    if (!["tEXt", "zTXt", "iTXt", "eXIf"].includes(type) || length > MOST_BYTES) continue;
    if (type === "eXIf") Object.assign(texts, exifTexts(data));
    else {
      const [name, text] = await pngText(type, data);
      texts[name === "XML:com.adobe.xmp" ? "xmp" : name] = text;
    }
  }
  return texts;
}

async function pngText(type: string, data: Uint8Array): Promise<readonly [string, string]> {
  const end = data.indexOf(0);
  const name = latin1.decode(data.subarray(0, end));
  if (type === "tEXt") return [name, plainText(data.subarray(end + 1))];
  if (type === "zTXt") return [name, plainText(await inflated(data.subarray(end + 2)))];
  const language = data.indexOf(0, end + 3);
  const text = data.subarray(data.indexOf(0, language + 1) + 1);
  return [name, utf8.decode(data[end + 1] === 1 ? await inflated(text) : text)];
}

/** Latin-1 by the standard, but many programs write UTF-8. */
function plainText(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return latin1.decode(bytes);
  }
}

/** Decompresses up to the longest text: a small file may contain a very long one. */
async function inflated(packed: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([packed as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream("deflate"));
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > MOST_BYTES) {
      await reader.cancel();
      return new Uint8Array();
    }
    parts.push(value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

const EXIF = "Exif\0\0";
const XMP = "http://ns.adobe.com/xap/1.0/\0";
const EXTENDED_XMP = "http://ns.adobe.com/xmp/extension/\0";
/** Length of the header: the name, 32 letters of checksum, total length, offset. */
const EXTENDED_HEAD = EXTENDED_XMP.length + 40;

function jpegTexts(bytes: Uint8Array): Texts {
  const view = viewOf(bytes);
  const texts: Record<string, string> = {};
  const extended: (readonly [offset: number, text: Uint8Array])[] = [];
  for (let at = 2; at + 4 < bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1];
    if (marker === 0xda) break; // image data starts here
    const length = view.getUint16(at + 2);
    const data = bytes.subarray(at + 4, at + 2 + length);
    at += 2 + length;
    if (marker !== 0xe1) continue;
    const name = latin1.decode(data.subarray(0, EXTENDED_XMP.length));
    if (name.startsWith(EXIF)) Object.assign(texts, exifTexts(data.subarray(EXIF.length)));
    else if (name.startsWith(XMP)) texts.xmp = utf8.decode(data.subarray(XMP.length));
    else if (name === EXTENDED_XMP)
      extended.push([viewOf(data).getUint32(EXTENDED_HEAD - 4), data.subarray(EXTENDED_HEAD)]);
  }
  if (extended.length > 0) {
    const whole = extended.sort(([a], [b]) => a - b).flatMap(([, text]) => [...text]);
    if (whole.length <= MOST_BYTES) texts.xmp = (texts.xmp ?? "") + utf8.decode(new Uint8Array(whole));
  }
  return texts;
}

function webpTexts(bytes: Uint8Array): Texts {
  const view = viewOf(bytes);
  const texts: Record<string, string> = {};
  for (let at = 12; at + 8 <= bytes.length; ) {
    const type = latin1.decode(bytes.subarray(at, at + 4));
    const length = view.getUint32(at + 4, true);
    const data = bytes.subarray(at + 8, at + 8 + length);
    at += 8 + length + (length % 2);
    if (length > MOST_BYTES) continue;
    if (type === "XMP ") texts.xmp = utf8.decode(data);
    if (type === "EXIF")
      Object.assign(texts, exifTexts(latin1.decode(data.subarray(0, 6)) === EXIF ? data.subarray(6) : data));
  }
  return texts;
}

const EXIF_FOLDER = 0x8769;
const USER_COMMENT = 0x9286;

/** The user comment of an EXIF block, which many programs use for parameters. */
function exifTexts(data: Uint8Array): Texts {
  const view = viewOf(data);
  const little = data[0] === 0x49;
  /** Offset of the entry with this tag in the directory at an offset. */
  const entry = (folder: number, tag: number): number | undefined => {
    const count = view.getUint16(folder, little);
    for (let i = 0; i < count; i++) {
      const at = folder + 2 + 12 * i;
      if (view.getUint16(at, little) === tag) return at;
    }
    return undefined;
  };
  const inner = entry(view.getUint32(4, little), EXIF_FOLDER);
  const comment = inner === undefined ? undefined : entry(view.getUint32(inner + 8, little), USER_COMMENT);
  if (comment === undefined) return {};
  const length = view.getUint32(comment + 4, little);
  const start = view.getUint32(comment + 8, little);
  const code = latin1.decode(data.subarray(start, start + 8));
  const text = data.subarray(start + 8, start + length);
  if (!code.startsWith("UNICODE")) return { parameters: utf8.decode(text) };
  // Writers disagree on the byte order, regardless of the header. Latin letters have their zero first or last.
  const utf16 = new TextDecoder(text[0] === 0 ? "utf-16be" : "utf-16le");
  return { parameters: utf16.decode(text) };
}
