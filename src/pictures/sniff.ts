import type { ReadableFormat } from "./picture.ts";

/** The kind of a file by its first bytes: a supported format, or the name of another kind for the error message. */
export type Sniffed =
  | { readonly supported: true; readonly format: ReadableFormat }
  | { readonly supported: false; readonly found: string };

const ours: readonly [ReadableFormat, (b: Uint8Array) => boolean][] = [
  ["PNG", (b) => starts(b, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])],
  ["JPG", (b) => starts(b, [0xff, 0xd8, 0xff])],
  ["WEBP", (b) => latin(b, 0, 4) === "RIFF" && latin(b, 8, 12) === "WEBP"],
  ["GIF", (b) => latin(b, 0, 4) === "GIF8"],
  ["TIFF", (b) => latin(b, 0, 4) === "II*\0" || latin(b, 0, 4) === "MM\0*"],
  ["AVIF", (b) => latin(b, 4, 8) === "ftyp" && isAvif(b)],
];

const others: readonly [string, (b: Uint8Array) => boolean][] = [
  ["BMP", (b) => latin(b, 0, 2) === "BM"],
  ["HEIC", (b) => latin(b, 4, 8) === "ftyp" && /^(hei|hev|mif|msf)/.test(latin(b, 8, 12))],
  ["JPEG XL", (b) => starts(b, [0xff, 0x0a]) || latin(b, 4, 8) === "JXL "],
  ["JPEG 2000", (b) => latin(b, 4, 8) === "jP  "],
  ["PDF", (b) => latin(b, 0, 5) === "%PDF-"],
  ["SVG", (b) => /^\s*(<\?xml|<svg|<!--|<!doctype svg)/i.test(text(b)) && /<svg/i.test(text(b))],
  ["HTML", (b) => /^\s*<(!doctype html|html)/i.test(text(b))],
  ["text", (b) => /^[\s -~]*$/.test(latin(b, 0, 64))],
];

/** Detects the format of an image from its magic bytes alone. It parses nothing, and ignores names and headers. */
export function sniff(bytes: Uint8Array): Sniffed {
  for (const [format, matches] of ours) if (matches(bytes)) return { supported: true, format };
  const found = others.find(([, matches]) => matches(bytes))?.[0] ?? "an unknown kind of file";
  return { supported: false, found };
}

/** The major brand, or a compatible brand, of an AVIF image or sequence. */
function isAvif(bytes: Uint8Array): boolean {
  const length = Math.min(64, 256 * bytes[2]! + bytes[3]!);
  return /^(.{4})*avi[fs]/.test(latin(bytes, 8, length));
}

function starts(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, i) => bytes[i] === byte);
}

function latin(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...bytes.subarray(from, to));
}

function text(bytes: Uint8Array): string {
  return latin(bytes, 0, 512).replace(/^\u00ef\u00bb\u00bf/, "");
}
