import { expect, test } from "vitest";
import type { Picture } from "../../api/types.ts";
import { layOut, rowsBetween } from "./layout.ts";

const pictures = (days: readonly number[]): Picture[] =>
  days.map((day, i) => ({ imageUUID: String(i), createdAt: `2026-11-${day}` }) as Picture);
const dayOf = ({ createdAt }: Picture) => createdAt;

test("each day begins a row, and every image has a cell", () => {
  const layout = layOut(pictures([28, 28, 28, 27]), 2 * 140 + 8, dayOf);
  expect(layout.columns).toBe(2);
  expect(layout.rows.map((row) => (row.kind === "day" ? row.day : row.pictures.length))).toEqual([
    "2026-11-28",
    2,
    1,
    "2026-11-27",
    1,
  ]);
  for (const [i, row] of layout.rows.entries()) {
    const next = layout.rows[i + 1];
    expect(row.top + row.height).toBe(next === undefined ? layout.height : next.top);
  }
});

test("of ten thousand images few are rendered", () => {
  const layout = layOut(pictures(Array.from({ length: 10_000 }, () => 28)), 1200, dayOf);
  const rows = rowsBetween(layout, 50_000, 51_000);
  const cells = rows.reduce((sum, row) => sum + (row.kind === "cells" ? row.pictures.length : 0), 0);
  expect(cells).toBeGreaterThan(0);
  expect(cells).toBeLessThan(100);
  expect(rows[0]!.top).toBeLessThanOrEqual(50_000);
  expect(rows.at(-1)!.top + rows.at(-1)!.height).toBeGreaterThanOrEqual(51_000);
});
