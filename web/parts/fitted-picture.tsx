import { useEffect, useRef, useState } from "preact/hooks";

/** Largest factor by which small images are enlarged. */
const MOST_ENLARGED = 3;

interface FittedPictureProps {
  readonly src?: string | undefined;
  readonly width: number;
  readonly height: number;
  readonly alt: string;
  /** A preview, shown soft. */
  readonly rough?: boolean;
}

/** Shows an image as large as its place allows. The frame has its shape before the image loads. */
export function FittedPicture({ src, width, height, alt, rough = false }: FittedPictureProps) {
  const place = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState({ width: 0, height: 0 });
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => {
      const { width: w, height: h } = entry!.contentRect;
      setRoom({ width: w, height: h });
    });
    observer.observe(place.current!);
    return () => observer.disconnect();
  }, []);
  const scale = Math.min(room.width / width, room.height / height, MOST_ENLARGED);
  const size = { width: `${Math.floor(width * scale)}px`, height: `${Math.floor(height * scale)}px` };
  return (
    <div class="fitted" ref={place}>
      <div class={`frame${rough ? " rough" : ""}`} style={size}>
        {src !== undefined && <img src={src} alt={alt} draggable={!rough} />}
      </div>
    </div>
  );
}
