import type { RgbImage } from "../../pictures/index.ts";

/** A rectangle in an image, in pixels. It may have fractions, and may reach outside the image. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** A face that the detector found. */
export interface Face {
  readonly box: Box;
  /** Confidence of the detector, 0…1. */
  readonly score: number;
}

/** A loaded network that finds faces. It computes on the calling thread. */
export interface FaceNetwork {
  /** Faces with `score ≥ confidence`, in any order. Boxes may reach outside the image. */
  find(image: RgbImage, confidence: number): Promise<Face[]>;
  release(): Promise<void>;
}

/** Most faces that are refined in one image: those with the highest score. */
export const MAX_FACES = 32;

/** Sorts from left to right, then from top to bottom: the order in which faces are refined. */
export function inReadingOrder(faces: readonly Face[]): Face[] {
  return faces.toSorted((a, b) => a.box.left - b.box.left || a.box.top - b.box.top || b.score - a.score);
}

/** Clips a box to the image; undefined when no part of it is inside. */
export function clip(box: Box, picture: { width: number; height: number }): Box | undefined {
  const left = Math.max(0, box.left);
  const top = Math.max(0, box.top);
  const width = Math.min(picture.width, box.left + box.width) - left;
  const height = Math.min(picture.height, box.top + box.height) - top;
  return width > 0 && height > 0 ? { left, top, width, height } : undefined;
}

/** Intersection over union, 0…1. */
export function overlap(a: Box, b: Box): number {
  const width = Math.min(a.left + a.width, b.left + b.width) - Math.max(a.left, b.left);
  const height = Math.min(a.top + a.height, b.top + b.height) - Math.max(a.top, b.top);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / (a.width * a.height + b.width * b.height - shared);
}

/**
 * Non-maximum suppression. Of boxes that overlap by more than `maxOverlap` (intersection over union), only the best remains.
 * @param most boxes to keep
 * @returns the remaining boxes, the best first; equal scores keep their order
 */
export function distinct(faces: readonly Face[], maxOverlap: number, most = Number.POSITIVE_INFINITY): Face[] {
  const kept: Face[] = [];
  for (const face of faces.toSorted((a, b) => b.score - a.score)) {
    if (kept.length >= most) break;
    if (kept.every(({ box }) => overlap(box, face.box) <= maxOverlap)) kept.push(face);
  }
  return kept;
}
