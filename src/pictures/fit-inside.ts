interface Size {
  readonly width: number;
  readonly height: number;
}

/** The largest size of the same aspect within the bounds, at least one pixel a side and never larger than the picture. */
export function fitInside({ width, height }: Size, bounds: Size): Size {
  const scale = Math.min(1, bounds.width / width, bounds.height / height);
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
