import type { RgbImage } from "../../pictures/index.ts";

/** An area of a picture, in pixels; not necessarily whole ones, nor all inside it. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** A face that a detector found. */
export interface Face {
  readonly box: Box;
  /** How sure the detector is, 0…1. */
  readonly score: number;
}

/** A loaded network that finds faces. It computes on the calling thread. */
export interface FaceNetwork {
  /** Faces with `score ≥ confidence`, in any order; boxes may reach beyond the picture. */
  find(image: RgbImage, confidence: number): Promise<Face[]>;
  release(): Promise<void>;
}

/** Faces refined in one picture at most: the surest ones. */
export const MAX_FACES = 32;

/** Left to right, then top to bottom: the order in which faces are refined. */
export function inReadingOrder(faces: readonly Face[]): Face[] {
  return faces.toSorted((a, b) => a.box.left - b.box.left || a.box.top - b.box.top || b.score - a.score);
}

/** The part inside the picture; undefined when there is none. */
export function clip(box: Box, picture: { width: number; height: number }): Box | undefined {
  const left = Math.max(0, box.left);
  const top = Math.max(0, box.top);
  const width = Math.min(picture.width, box.left + box.width) - left;
  const height = Math.min(picture.height, box.top + box.height) - top;
  return width > 0 && height > 0 ? { left, top, width, height } : undefined;
}

/** Area shared over area covered together, 0…1. */
export function overlap(a: Box, b: Box): number {
  const width = Math.min(a.left + a.width, b.left + b.width) - Math.max(a.left, b.left);
  const height = Math.min(a.top + a.height, b.top + b.height) - Math.max(a.top, b.top);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / (a.width * a.height + b.width * b.height - shared);
}

/**
 * Non-maximum suppression: of boxes that overlap by more than `maxOverlap` (shared over joint area) only the surest stays.
 * @param most boxes kept
 * @returns the rest, surest first; boxes of one score in the order given
 */
export function distinct(faces: readonly Face[], maxOverlap: number, most = Number.POSITIVE_INFINITY): Face[] {
  const kept: Face[] = [];
  for (const face of faces.toSorted((a, b) => b.score - a.score)) {
    if (kept.length >= most) break;
    if (kept.every(({ box }) => overlap(box, face.box) <= maxOverlap)) kept.push(face);
  }
  return kept;
}
