import { useMemo, useRef, useState } from "preact/hooks";
import type { Picture } from "../../api/types.ts";

export interface Selection {
  /** The selected images, in the order of the list. */
  readonly pictures: readonly Picture[];
  has(picture: Picture): boolean;
  /** Selects or deselects an image. */
  toggle(picture: Picture): void;
  /** Selects all images from the last selected one to this one. */
  extend(picture: Picture): void;
  all(): void;
  clear(): void;
}

/** The selected images of a list. An image that leaves the list leaves the selection. */
export function useSelection(list: readonly Picture[]): Selection {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const anchor = useRef<string | undefined>(undefined);
  return useMemo(() => {
    const at = (imageUUID: string | undefined) => list.findIndex((picture) => picture.imageUUID === imageUUID);
    return {
      pictures: list.filter(({ imageUUID }) => chosen.has(imageUUID)),
      has: ({ imageUUID }) => chosen.has(imageUUID),
      toggle({ imageUUID }) {
        const next = new Set(chosen);
        if (!next.delete(imageUUID)) next.add(imageUUID);
        anchor.current = imageUUID;
        setChosen(next);
      },
      extend({ imageUUID }) {
        const [from, to] = [at(anchor.current), at(imageUUID)];
        const range = list.slice(Math.min(from < 0 ? to : from, to), Math.max(from, to) + 1);
        setChosen(new Set([...chosen, ...range.map((picture) => picture.imageUUID)]));
      },
      all: () => setChosen(new Set(list.map((picture) => picture.imageUUID))),
      clear: () => setChosen(new Set()),
    };
  }, [list, chosen]);
}
