import { describe, expect, test } from "vitest";
import { blankMask, dabsBetween, type Mask, paint } from "./raster.ts";
import { EMPTY_MASK, isPainted, redoStroke, type Stroke, undoStroke, withStroke } from "./strokes.ts";
import { drawableSides, fitView, pinched, toPicture, zoomAt } from "./view.ts";

const draw = (...strokes: Stroke[]): Mask => paint(blankMask(16, 12), strokes);
const shown = ({ width, alpha }: Mask) =>
  Array.from({ length: alpha.length / width }, (_, row) =>
    [...alpha.subarray(row * width, (row + 1) * width)].map((value) => (value > 127 ? "#" : ".")).join(""),
  );
const at = ({ width, alpha }: Mask, x: number, y: number) => alpha[y * width + x];
const brush = (changes: object = {}): Stroke => ({
  kind: "brush",
  erase: false,
  size: 4,
  hardness: 1,
  points: [{ x: 8, y: 6 }],
  ...changes,
});

describe("strokes", () => {
  test("a hard dab is a disc of the brush's size", () => {
    expect(shown(draw(brush()))).toEqual([
      "................",
      "................",
      "................",
      "................",
      ".......##.......",
      "......####......",
      "......####......",
      ".......##.......",
      "................",
      "................",
      "................",
      "................",
    ]);
  });

  test("a soft dab fades to its edge, and painting over it does not harden it", () => {
    const soft = brush({ size: 10, hardness: 0 });
    const mask = draw(soft);
    expect(at(mask, 8, 6)).toBeGreaterThan(200);
    expect(at(mask, 11, 6)).toBeLessThan(at(mask, 9, 6)!);
    expect(at(mask, 14, 6)).toBe(0);
    expect(draw(soft, soft)).toEqual(mask);
  });

  test("a fast line has no holes, and light pressure of a pen makes it thinner", () => {
    const mask = draw(
      brush({
        points: [
          { x: 1, y: 6 },
          { x: 15, y: 6 },
        ],
      }),
    );
    for (let x = 1; x < 15; x++) expect(at(mask, x, 6)).toBe(255);
    const thin = draw(brush({ points: [{ x: 8, y: 6, pressure: 0.25 }] }));
    expect(thin.alpha.filter((value) => value > 0).length).toBeLessThan(5);
    expect(dabsBetween({ x: 0, y: 0 }, { x: 0, y: 0 }, 8)).toHaveLength(1);
  });

  test("the eraser removes paint of any tool", () => {
    const box: Stroke = { kind: "box", erase: false, from: { x: 0, y: 0 }, to: { x: 16, y: 12 } };
    const mask = draw(box, brush({ erase: true }));
    expect(at(mask, 8, 6)).toBe(0);
    expect(at(mask, 0, 0)).toBe(255);
  });

  test("a box starts from any corner and ends at the edge; a lasso fills its inside", () => {
    const drawnBack = draw({ kind: "box", erase: false, from: { x: 20, y: 3 }, to: { x: 14, y: 1 } });
    expect(drawnBack.alpha.filter((value) => value === 255).length).toBe(2 * 2);
    const triangle = draw({
      kind: "lasso",
      erase: false,
      points: [
        { x: 0, y: 0 },
        { x: 8, y: 0 },
        { x: 0, y: 8 },
      ],
    });
    expect(shown(triangle)[0]).toBe("#######.........");
    expect(shown(triangle)[6]).toBe("#...............");
    expect(draw({ kind: "lasso", erase: false, points: [{ x: 1, y: 1 }] }).alpha.some(Boolean)).toBe(false);
  });

  test("inverting twice is nothing, clearing is all", () => {
    const soft = brush({ size: 10, hardness: 0.3 });
    expect(draw(soft, { kind: "invert" }, { kind: "invert" })).toEqual(draw(soft));
    expect(draw(soft, { kind: "clear" }).alpha.some(Boolean)).toBe(false);
  });
});

test("undo removes stroke by stroke, redo restores, a new stroke ends redo", () => {
  const two = withStroke(withStroke(EMPTY_MASK, brush()), { kind: "invert" });
  const undone = undoStroke(undoStroke(undoStroke(two)));
  expect(undone.strokes).toEqual([]);
  expect(redoStroke(redoStroke(undone))).toEqual(two);
  expect(withStroke(undone, brush()).undone).toEqual([]);
});

test("paint is detected", () => {
  const of = (...strokes: Stroke[]) => isPainted({ strokes, undone: [] });
  expect(of()).toBe(false);
  expect(of(brush({ erase: true }))).toBe(false);
  expect(of(brush())).toBe(true);
  expect(of(brush(), { kind: "clear" })).toBe(false);
  expect(of({ kind: "clear" }, { kind: "invert" })).toBe(true);
});

describe("the view", () => {
  const view = fitView({ width: 200, height: 100 }, { width: 448, height: 448 });

  test("an image fits into its window", () => {
    expect(view).toEqual({ scale: 2, x: 24, y: 124 });
    expect(toPicture(view, { x: 24, y: 124 })).toEqual({ x: 0, y: 0 });
  });

  test("zooming keeps the point under the pointer", () => {
    const point = { x: 300, y: 200 };
    expect(toPicture(zoomAt(view, point, 1.7), point).x).toBeCloseTo(toPicture(view, point).x);
    expect(zoomAt(view, point, 1e9).scale).toBe(32);
  });

  test("two fingers hold the image at the touched points", () => {
    const [before, after] = [
      [
        { x: 100, y: 200 },
        { x: 200, y: 200 },
      ],
      [
        { x: 80, y: 260 },
        { x: 280, y: 260 },
      ],
    ] as const;
    const next = pinched(view, before, after);
    for (const [i, finger] of after.entries()) {
      expect(toPicture(next, finger).x).toBeCloseTo(toPicture(view, before[i]!).x);
      expect(toPicture(next, finger).y).toBeCloseTo(toPicture(view, before[i]!).y);
    }
  });

  test("extensions become allowed sizes, and never cut", () => {
    const none = { top: 0, right: 0, bottom: 0, left: 0 };
    expect(drawableSides({ width: 250, height: 250 }, none)).toEqual(none);
    const sides = drawableSides({ width: 250, height: 256 }, { ...none, left: 30, right: 10, bottom: 33 });
    expect((250 + sides.left + sides.right) % 16).toBe(0);
    expect(sides).toMatchObject({ top: 0, bottom: 48 });
    expect(sides.left + sides.right).toBeGreaterThanOrEqual(40);
    expect(drawableSides({ width: 250, height: 256 }, { ...none, top: 16 })).toEqual({ ...none, top: 16, right: 6 });
  });
});
