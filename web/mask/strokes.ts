/** A mask as data: what was painted, stroke by stroke, in pixels of the picture. Painting it again gives the same mask. */

export interface Point {
  readonly x: number;
  readonly y: number;
  /** Of a pen, 0 … 1; 1 for other pointers. */
  readonly pressure?: number;
}

export type Stroke =
  /** A line of round dabs. `hardness` 1 has a sharp edge, 0 fades from the middle. */
  | {
      readonly kind: "brush";
      readonly erase: boolean;
      /** Diameter at full pressure, in pixels of the picture. */
      readonly size: number;
      readonly hardness: number;
      readonly points: readonly Point[];
    }
  | { readonly kind: "box"; readonly erase: boolean; readonly from: Point; readonly to: Point }
  | { readonly kind: "lasso"; readonly erase: boolean; readonly points: readonly Point[] }
  /** Painted becomes unpainted, and the other way round. */
  | { readonly kind: "invert" }
  | { readonly kind: "clear" };

/** What was painted, and what was taken back and may come again. */
export interface MaskHistory {
  readonly strokes: readonly Stroke[];
  readonly undone: readonly Stroke[];
}

export const EMPTY_MASK: MaskHistory = { strokes: [], undone: [] };

export const withStroke = ({ strokes }: MaskHistory, stroke: Stroke): MaskHistory => ({
  strokes: [...strokes, stroke],
  undone: [],
});

export function undoStroke({ strokes, undone }: MaskHistory): MaskHistory {
  const last = strokes.at(-1);
  return last === undefined ? { strokes, undone } : { strokes: strokes.slice(0, -1), undone: [last, ...undone] };
}

export function redoStroke({ strokes, undone }: MaskHistory): MaskHistory {
  const [next, ...rest] = undone;
  return next === undefined ? { strokes, undone } : { strokes: [...strokes, next], undone: rest };
}

/** Whether anything may be painted: the last clearing is followed by a stroke that paints. */
export function isPainted({ strokes }: MaskHistory): boolean {
  const since = strokes.slice(strokes.findLastIndex(({ kind }) => kind === "clear") + 1);
  return since.some((stroke) => stroke.kind === "invert" || (stroke.kind !== "clear" && !stroke.erase));
}
