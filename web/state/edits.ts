/** The edit of each image: its mask, its prompt, its extension. It is stored with the image, and shown whenever the image is open. */

import { EMPTY_MASK, type MaskHistory } from "../mask/strokes.ts";
import { stored } from "./stored.ts";

export interface Sides {
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly left: number;
}

export interface Edit {
  readonly prompt: string;
  /** How much may change, 0 … 1. */
  readonly strength: number;
  /** Pixels around the painted area that are rendered with it, larger; absent: the image is rendered as a whole. */
  readonly maskMargin?: number;
  /** More reference images; for models that edit. */
  readonly references?: readonly string[];
  readonly mask: MaskHistory;
  readonly sides: Sides;
  readonly at: number;
}

const NO_SIDES: Sides = { top: 0, right: 0, bottom: 0, left: 0 };
const EDITS_KEPT = 20;
const STRENGTH = 0.8;

const edits = stored<Readonly<Record<string, Edit>>>("edits", {});

/** The edit of an image. A new one has the image's prompt and an empty mask. */
export const editOf = (imageUUID: string, prompt = ""): Edit =>
  edits.value[imageUUID] ?? { prompt, strength: STRENGTH, mask: EMPTY_MASK, sides: NO_SIDES, at: 0 };

export function changeEdit(imageUUID: string, prompt: string, change: Partial<Edit>): void {
  const next = { ...editOf(imageUUID, prompt), ...change, at: Date.now() };
  const all = Object.entries({ ...edits.value, [imageUUID]: next });
  const kept = all.sort(([, a], [, b]) => b.at - a.at).slice(0, EDITS_KEPT);
  edits.value = Object.fromEntries(kept);
}

export const isExtended = ({ top, right, bottom, left }: Sides): boolean => top + right + bottom + left > 0;
