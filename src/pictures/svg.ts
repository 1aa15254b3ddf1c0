/** Traced shapes: SVG files that contain paths and nothing else. SVG files of other programs are never parsed. */

import { formatMetadata, type PictureMetadata, parseMetadata } from "./metadata.ts";

/** Shapes, each of one colour, in painting order. */
export interface Shapes {
  /** Width of the coordinate space of the paths. */
  readonly width: number;
  readonly height: number;
  /** `<path …/>` elements. */
  readonly paths: string;
}

/**
 * The SVG file of shapes, shown at `width` × `height` pixels unless the viewer scales it.
 * @throws ImageError `invalidMetadata` as `formatMetadata` does
 */
export function svgFile(
  shapes: Shapes,
  { width, height, metadata }: { readonly width: number; readonly height: number; readonly metadata: PictureMetadata },
): Uint8Array {
  const head = `${PROLOGUE} width="${width}" height="${height}" viewBox="0 0 ${shapes.width} ${shapes.height}">`;
  return Buffer.from(`${head}\n<metadata>${formatMetadata(metadata)}</metadata>\n${shapes.paths}</svg>\n`);
}

const PROLOGUE = '<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns="http://www.w3.org/2000/svg"';

/** Size and metadata are before the first shape. */
const HEAD_BYTES = 64 * 1024;

/**
 * Reads size and metadata of a file of `svgFile`; undefined for any other file.
 * @throws ImageError `invalidMetadata` when the metadata is damaged
 */
export function readSvg(
  bytes: Uint8Array,
): { readonly width: number; readonly height: number; readonly metadata: PictureMetadata | undefined } | undefined {
  const head = Buffer.from(bytes.subarray(0, HEAD_BYTES)).toString("utf8");
  if (!head.startsWith(PROLOGUE)) return undefined;
  const [, width, height] = /^ width="(\d+)" height="(\d+)" viewBox="/.exec(head.slice(PROLOGUE.length)) ?? [];
  const end = head.indexOf("</metadata>");
  if (width === undefined || height === undefined || end < 0) return undefined;
  return { width: Number(width), height: Number(height), metadata: parseMetadata(head.slice(0, end)) };
}
