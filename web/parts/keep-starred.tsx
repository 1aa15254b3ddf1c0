import type { Picture } from "../api/types.ts";
import { bin } from "../state/pictures.ts";
import { words } from "../text/index.ts";
import { Button } from "./button.tsx";
import { asChanged } from "./picture-cell.tsx";

interface KeepStarredProps {
  readonly pictures: readonly Picture[];
  readonly onDone?: () => void;
}

/** Moves images without a star to the bin, if others have one. A notice offers to undo it. */
export function KeepStarred({ pictures, onDone }: KeepStarredProps) {
  const all = pictures.map(asChanged);
  const rest = all.filter(({ starred }) => !starred);
  const kept = all.length - rest.length;
  if (kept === 0 || rest.length === 0) return null;
  return (
    <Button
      onPress={() => {
        void bin(rest);
        onDone?.();
      }}
    >
      {words.value.keepStarred(kept, rest.length)}
    </Button>
  );
}
