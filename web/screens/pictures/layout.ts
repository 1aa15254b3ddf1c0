/** Positions of the cells in the grid: rows of squares under headings of days. Only rows near the window are rendered. */

import type { Picture } from "../../api/types.ts";

export type Row =
  | { readonly kind: "day"; readonly day: string; readonly top: number; readonly height: number }
  | { readonly kind: "cells"; readonly pictures: readonly Picture[]; readonly top: number; readonly height: number };

export interface GridLayout {
  readonly rows: readonly Row[];
  readonly columns: number;
  /** Side of a cell, in pixels. */
  readonly cell: number;
  readonly height: number;
}

const SMALLEST_CELL = 140;
const GAP = 8;
const HEADING = 44;

/** Arranges images in a width; `dayOf` names the day of an image. */
export function layOut(pictures: readonly Picture[], width: number, dayOf: (picture: Picture) => string): GridLayout {
  const columns = Math.max(2, Math.floor((width + GAP) / (SMALLEST_CELL + GAP)));
  const cell = Math.floor((width - GAP * (columns - 1)) / columns);
  const rows: Row[] = [];
  let top = 0;
  let day: string | undefined;
  let row: Picture[] = [];
  const close = () => {
    if (row.length === 0) return;
    rows.push({ kind: "cells", pictures: row, top, height: cell + GAP });
    top += cell + GAP;
    row = [];
  };
  for (const picture of pictures) {
    const its = dayOf(picture);
    if (its !== day) {
      close();
      day = its;
      rows.push({ kind: "day", day, top, height: HEADING });
      top += HEADING;
    }
    row.push(picture);
    if (row.length === columns) close();
  }
  close();
  return { rows, columns, cell, height: top };
}

/** The rows between `top` and `bottom`, also those that are partly inside. */
export function rowsBetween({ rows }: GridLayout, top: number, bottom: number): readonly Row[] {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const row = rows[middle]!;
    if (row.top + row.height < top) low = middle + 1;
    else high = middle;
  }
  const end = rows.findIndex((row, i) => i >= low && row.top > bottom);
  return rows.slice(low, end === -1 ? undefined : end);
}
