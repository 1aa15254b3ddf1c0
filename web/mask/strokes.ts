/** A mask as data: its strokes, in pixels of the image. Painting them again gives the same mask. */

export interface Point {
  readonly x: number;
  readonly y: number;
  /** Pressure of a pen, 0 … 1; 1 for other pointers. */
  readonly pressure?: number;
}

export type Stroke =
  /** A line of round dabs. `hardness` 1 has a sharp edge, 0 fades from the middle. */
  | {
      readonly kind: "brush";
      readonly erase: boolean;
      /** Diameter at full pressure, in pixels of the image. */
      readonly size: number;
      readonly hardness: number;
      readonly points: readonly Point[];
    }
  | { readonly kind: "box"; readonly erase: boolean; readonly from: Point; readonly to: Point }
  | { readonly kind: "lasso"; readonly erase: boolean; readonly points: readonly Point[] }
  /** Swaps painted and unpainted areas. */
  | { readonly kind: "invert" }
  | { readonly kind: "clear" };

/** The strokes, and those that were undone and can return. */
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

/** True when something may be painted: a painting stroke follows the last clearing. */
export function isPainted({ strokes }: MaskHistory): boolean {
  const since = strokes.slice(strokes.findLastIndex(({ kind }) => kind === "clear") + 1);
  return since.some((stroke) => stroke.kind === "invert" || (stroke.kind !== "clear" && !stroke.erase));
}
