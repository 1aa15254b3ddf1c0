/** A box without a pointer: arrow keys move it, Shift and arrow keys resize it, Enter paints it. */

import type { Stroke } from "../../mask/strokes.ts";

type Box = Extract<Stroke, { kind: "box" }>;

interface BoxHooks {
  active(): boolean;
  show(box: Box | undefined): void;
  paint(box: Box): void;
}

/** Steps across the image. */
const STEPS = 32;

export function createBoxKeys(
  canvas: HTMLElement,
  { width, height }: { width: number; height: number },
  hooks: BoxHooks,
) {
  let box = { x: width / 4, y: height / 4, width: width / 2, height: height / 2 };
  const asStroke = (): Box => ({
    kind: "box",
    erase: false,
    from: { x: box.x, y: box.y },
    to: { x: box.x + box.width, y: box.y + box.height },
  });
  const within = (value: number, least: number, most: number) => Math.max(least, Math.min(most, value));
  const arrows: Readonly<Record<string, readonly [number, number]>> = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, -1],
    ArrowDown: [0, 1],
  };
  const keys = (event: KeyboardEvent) => {
    if (!hooks.active()) return;
    const arrow = arrows[event.key];
    if (event.key === "Enter") {
      hooks.show(undefined);
      hooks.paint(asStroke());
    } else if (event.key === "Escape") hooks.show(undefined);
    else if (arrow !== undefined) {
      const [dx, dy] = [(arrow[0] * width) / STEPS, (arrow[1] * height) / STEPS];
      box = event.shiftKey
        ? {
            ...box,
            width: within(box.width + dx, width / STEPS, width - box.x),
            height: within(box.height + dy, height / STEPS, height - box.y),
          }
        : { ...box, x: within(box.x + dx, 0, width - box.width), y: within(box.y + dy, 0, height - box.height) };
      hooks.show(asStroke());
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  canvas.addEventListener("keydown", keys);
  return () => canvas.removeEventListener("keydown", keys);
}
