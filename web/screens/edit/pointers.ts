/** Fingers, pens and mice on the canvas: one paints, two move and zoom, Space or the middle button moves. */

import type { Point } from "../../mask/strokes.ts";
import { movedBy, pinched, type View } from "../../mask/view.ts";

interface PointerHooks {
  begin(at: Point): void;
  move(at: Point): void;
  /** Also when the system cancels the pointer: the painted part stays. */
  finish(): void;
  /** A second finger touches the canvas: discards the stroke. */
  giveUp(): void;
  view(change: (view: View) => View): void;
}

/** Follows pointers. The returned function stops. */
export function followPointers(canvas: HTMLElement, { begin, move, finish, giveUp, view }: PointerHooks): () => void {
  const fingers = new Map<number, Point>();
  let drawing: number | undefined;
  let moving: number | undefined;
  let space = false;

  const pointOf = (event: PointerEvent): Point => {
    const { left, top } = canvas.getBoundingClientRect();
    const pressure = event.pointerType === "pen" ? Math.max(0.05, event.pressure) : 1;
    return { x: event.clientX - left, y: event.clientY - top, pressure };
  };

  const down = (event: PointerEvent) => {
    if (event.button > 1) return;
    event.preventDefault();
    canvas.focus();
    canvas.setPointerCapture(event.pointerId);
    const at = pointOf(event);
    if (event.pointerType === "touch") fingers.set(event.pointerId, at);
    if (fingers.size === 2) {
      if (drawing !== undefined) giveUp();
      drawing = undefined;
    } else if (space || event.button === 1) {
      moving = event.pointerId;
      fingers.set(event.pointerId, at);
    } else if (fingers.size < 2 && drawing === undefined) {
      drawing = event.pointerId;
      begin(at);
    }
  };

  const moved = (event: PointerEvent) => {
    const at = pointOf(event);
    const before = fingers.get(event.pointerId);
    if (fingers.size === 2 && before !== undefined) {
      const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
      view((current) => pinched(current, [other!, before], [other!, at]));
    } else if (moving === event.pointerId && before !== undefined) {
      view((current) => movedBy(current, at.x - before.x, at.y - before.y));
    } else if (drawing === event.pointerId) {
      // A fast pen reports more points than frames.
      const all = event.getCoalescedEvents?.() ?? [];
      for (const one of all.length > 0 ? all : [event]) move(pointOf(one));
    }
    if (before !== undefined) fingers.set(event.pointerId, at);
  };

  const up = (event: PointerEvent) => {
    fingers.delete(event.pointerId);
    if (moving === event.pointerId) moving = undefined;
    if (drawing !== event.pointerId) return;
    drawing = undefined;
    finish();
  };

  const keys = (event: KeyboardEvent) => {
    if (event.key !== " " || event.target !== canvas) return;
    event.preventDefault();
    space = event.type === "keydown";
    canvas.classList.toggle("moving", space);
  };

  const listening = new AbortController();
  const { signal } = listening;
  canvas.addEventListener("pointerdown", down, { signal });
  canvas.addEventListener("pointermove", moved, { signal });
  canvas.addEventListener("pointerup", up, { signal });
  canvas.addEventListener("pointercancel", up, { signal });
  canvas.addEventListener("keydown", keys, { signal });
  canvas.addEventListener("keyup", keys, { signal });
  return () => listening.abort();
}
