/** A small rectangle with the aspect ratio of an image. */
export function ShapeIcon({ width, height }: { readonly width: number; readonly height: number }) {
  const scale = 18 / Math.max(width, height, 1);
  const [w, h] = [Math.max(5, width * scale), Math.max(5, height * scale)];
  return (
    <svg width="20" height="20" viewBox="0 0 20 20" aria-hidden="true" class="icon">
      <rect x={10 - w / 2} y={10 - h / 2} width={w} height={h} fill="none" stroke="currentColor" stroke-width="1.5" />
    </svg>
  );
}
