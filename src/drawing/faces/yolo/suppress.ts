import { type Face, overlap } from "../face.ts";

/** Ultralytics' own default. */
const MAX_OVERLAP = 0.7;

/**
 * Non-maximum suppression: of boxes that overlap by more than `maxOverlap` (shared over joint area) only the surest stays.
 * @returns the rest, surest first; boxes of one score in the order given
 */
export function suppressOverlaps(faces: readonly Face[], maxOverlap: number = MAX_OVERLAP): Face[] {
  const kept: Face[] = [];
  for (const face of faces.toSorted((a, b) => b.score - a.score)) {
    if (kept.every(({ box }) => overlap(box, face.box) <= maxOverlap)) kept.push(face);
  }
  return kept;
}
