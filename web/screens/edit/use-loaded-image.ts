import { useEffect, useState } from "preact/hooks";

/** An image after it has loaded. The previous one stays until then. */
export function useLoadedImage(address: string | undefined): HTMLImageElement | undefined {
  const [image, setImage] = useState<HTMLImageElement>();
  useEffect(() => {
    if (address === undefined) return setImage(undefined);
    let wanted = true;
    const next = new Image();
    next.src = address;
    next.decode().then(
      () => wanted && setImage(next),
      () => {},
    );
    return () => {
      wanted = false;
    };
  }, [address]);
  return image;
}
