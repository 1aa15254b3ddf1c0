import { useEffect, useRef } from "preact/hooks";
import { words } from "../../text/index.ts";
import { createMaskPainter, type MaskPainter, type PainterSettings } from "./mask-painter.ts";

interface MaskCanvasProps extends PainterSettings {
  readonly onPainter: (painter: MaskPainter) => void;
}

/** The image with its tinted mask. Painting, moving and zooming do not render the page again. */
export function MaskCanvas({ onPainter, ...settings }: MaskCanvasProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const painter = useRef<MaskPainter>(undefined);
  useEffect(() => {
    const made = createMaskPainter(canvas.current!, settings);
    painter.current = made;
    onPainter(made);
    return made.end;
  }, []);
  useEffect(() => painter.current?.update(settings));
  return (
    <canvas
      ref={canvas}
      class={`mask-canvas tool-${settings.tool}`}
      tabIndex={0}
      role="img"
      aria-label={`${words.value.paintingArea} ${settings.tool === "box" ? words.value.moveBox : ""}`}
    />
  );
}
