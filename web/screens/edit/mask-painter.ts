/** The canvas of the Edit screen: pointers become strokes, two fingers move the image, keys place a box. */

import { blankMask, type Mask, paint, paintStroke } from "../../mask/raster.ts";
import type { Point, Stroke } from "../../mask/strokes.ts";
import { fitView, movedBy, toPicture, type View, zoomAt } from "../../mask/view.ts";
import type { Sides } from "../../state/edits.ts";
import { createBoxKeys } from "./box-keys.ts";
import { drawOverlay } from "./overlay.ts";
import { followPointers } from "./pointers.ts";

export type Tool = "brush" | "eraser" | "box" | "lasso" | "extend";

export interface PainterSettings {
  readonly image: HTMLImageElement;
  readonly width: number;
  readonly height: number;
  readonly strokes: readonly Stroke[];
  readonly tool: Tool;
  readonly size: number;
  readonly hardness: number;
  readonly sides: Sides;
  /** Shows the image without the mask: a result, or the original. */
  readonly bare: boolean;
  readonly onStroke: (stroke: Stroke) => void;
  readonly onSides: (sides: Sides) => void;
}

export interface MaskPainter {
  update(settings: PainterSettings): void;
  fit(): void;
  /** The current mask. */
  mask(): Mask;
  end(): void;
}

export function createMaskPainter(canvas: HTMLCanvasElement, first: PainterSettings): MaskPainter {
  let settings = first;
  const { width, height } = first;
  const overlay = new OffscreenCanvas(width, height);
  const ink = overlay.getContext("2d")!;
  let mask = blankMask(width, height);
  let painted: readonly Stroke[] = [];
  let live: Stroke | undefined;
  let view: View | undefined;
  let frame = 0;

  const whole = { left: 0, top: 0, right: width, bottom: height };
  const windowSize = () => ({ width: canvas.clientWidth, height: canvas.clientHeight });
  const tint = () => rgbOf(getComputedStyle(canvas).getPropertyValue("--seal"));

  /** Paints added strokes over the mask. After any other change it paints the mask again. */
  function repaint(strokes: readonly Stroke[]): void {
    if (strokes === painted) return;
    const continues = strokes.length > painted.length && painted.every((stroke, i) => stroke === strokes[i]);
    if (continues) paint(mask, strokes.slice(painted.length));
    else mask = paint(blankMask(width, height), strokes);
    painted = strokes;
    refresh();
  }

  function refresh(): void {
    ink.clearRect(0, 0, width, height);
    drawOverlay(ink, mask, whole, tint());
    later();
  }

  function later(): void {
    frame ||= requestAnimationFrame(render);
  }

  function render(): void {
    frame = 0;
    const ratio = devicePixelRatio;
    const size = windowSize();
    canvas.width = Math.round(size.width * ratio);
    canvas.height = Math.round(size.height * ratio);
    view ??= fitView({ width, height }, size);
    const context = canvas.getContext("2d")!;
    context.setTransform(view.scale * ratio, 0, 0, view.scale * ratio, view.x * ratio, view.y * ratio);
    context.imageSmoothingEnabled = view.scale < 4;
    const { sides, image, bare } = settings;
    const ruled = getComputedStyle(canvas).getPropertyValue("--edge");
    context.lineWidth = 1 / view.scale;
    context.strokeStyle = ruled;
    if (!bare) {
      const { top, right, bottom, left } = sides;
      context.fillStyle = getComputedStyle(canvas).getPropertyValue("--seal-tint");
      context.fillRect(-left, -top, width + left + right, height + top + bottom);
      context.strokeRect(-left, -top, width + left + right, height + top + bottom);
    }
    context.drawImage(image, 0, 0, width, height);
    if (bare) return;
    if (settings.tool !== "extend") context.drawImage(overlay, 0, 0);
    if (live?.kind === "box")
      outline(
        context,
        [live.from, { x: live.to.x, y: live.from.y }, live.to, { x: live.from.x, y: live.to.y }],
        view.scale,
      );
    if (live?.kind === "lasso") outline(context, live.points, view.scale);
  }

  const strokeAt = (point: Point): Stroke | undefined => {
    const { tool, size, hardness } = settings;
    switch (tool) {
      case "brush":
      case "eraser":
        return { kind: "brush", erase: tool === "eraser", size, hardness, points: [point] };
      case "box":
        return { kind: "box", erase: false, from: point, to: point };
      case "lasso":
        return { kind: "lasso", erase: false, points: [point] };
      case "extend":
        return undefined;
    }
  };

  function grow(stroke: Stroke, point: Point): Stroke {
    if (stroke.kind === "box") return { ...stroke, to: point };
    if (stroke.kind === "lasso") return { ...stroke, points: [...stroke.points, point] };
    if (stroke.kind !== "brush") return stroke;
    const before = stroke.points.at(-1)!;
    paintStroke(mask, { ...stroke, points: [before, point] });
    const reach = stroke.size / 2 + 1;
    const part = {
      left: Math.min(before.x, point.x) - reach,
      right: Math.max(before.x, point.x) + reach,
      top: Math.min(before.y, point.y) - reach,
      bottom: Math.max(before.y, point.y) + reach,
    };
    drawOverlay(ink, mask, part, tint());
    return { ...stroke, points: [...stroke.points, point] };
  }

  /** A drag with the Extend tool moves the side nearest to its start. */
  let side: keyof Sides | undefined;
  function extendTo({ x, y }: Point): void {
    if (side === undefined) {
      const away = { left: Math.abs(x), right: Math.abs(x - width), top: Math.abs(y), bottom: Math.abs(y - height) };
      side = (Object.keys(away) as (keyof Sides)[]).sort((a, b) => away[a] - away[b])[0];
    }
    const reach = { left: -x, right: x - width, top: -y, bottom: y - height }[side!];
    settings.onSides({ ...settings.sides, [side!]: Math.max(0, Math.round(reach)) });
  }

  const endPointers = followPointers(canvas, {
    begin(at) {
      if (settings.bare || view === undefined) return;
      const point = toPicture(view, at);
      if (settings.tool === "extend") extendTo(point);
      live = strokeAt({ ...point, pressure: at.pressure });
      if (live?.kind === "brush") live = grow(live, live.points[0]!);
      later();
    },
    move(at) {
      if (view === undefined) return;
      const point = { ...toPicture(view, at), pressure: at.pressure };
      if (settings.tool === "extend" && !settings.bare) extendTo(point);
      if (live !== undefined) live = grow(live, point);
      later();
    },
    finish() {
      side = undefined;
      const stroke = live;
      live = undefined;
      if (stroke !== undefined) settings.onStroke(stroke);
      later();
    },
    giveUp() {
      side = undefined;
      if (live === undefined) return;
      live = undefined;
      mask = paint(blankMask(width, height), painted);
      refresh();
    },
    view: (change) => {
      if (view !== undefined) view = change(view);
      later();
    },
  });
  const boxKeys = createBoxKeys(
    canvas,
    { width, height },
    {
      active: () => settings.tool === "box" && !settings.bare,
      show(box) {
        live = box;
        later();
      },
      paint: (box) => settings.onStroke(box),
    },
  );
  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    if (view === undefined) return;
    if (event.ctrlKey || !event.shiftKey) {
      view = zoomAt(view, { x: event.offsetX, y: event.offsetY }, 1.0015 ** -event.deltaY);
    } else view = movedBy(view, -event.deltaY, -event.deltaX);
    later();
  };
  canvas.addEventListener("wheel", wheel, { passive: false });
  const observer = new ResizeObserver(() => {
    view = undefined;
    later();
  });
  observer.observe(canvas);
  repaint(first.strokes);
  later();

  return {
    update(next) {
      settings = next;
      repaint(next.strokes);
      later();
    },
    fit() {
      view = undefined;
      later();
    },
    mask: () => mask,
    end() {
      cancelAnimationFrame(frame);
      endPointers();
      boxKeys();
      canvas.removeEventListener("wheel", wheel);
      observer.disconnect();
    },
  };
}

/** A line of black and white dashes. */
function outline(context: CanvasRenderingContext2D, points: readonly Point[], scale: number): void {
  for (const [colour, offset] of [
    ["#fff", 0],
    ["#000", 4],
  ] as const) {
    context.strokeStyle = colour;
    context.setLineDash([4 / scale, 4 / scale]);
    context.lineDashOffset = offset / scale;
    context.beginPath();
    for (const { x, y } of points) context.lineTo(x, y);
    context.closePath();
    context.stroke();
  }
  context.setLineDash([]);
}

/** `#af2c22` as numbers. */
function rgbOf(colour: string): readonly [number, number, number] {
  const value = Number.parseInt(colour.trim().slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}
