import { useState } from "preact/hooks";
import type { Picture } from "../api/types.ts";
import { pathOfImage } from "../state/pictures.ts";
import { words } from "../text/index.ts";
import { Dialog } from "./dialog.tsx";

/** Two images in one frame. The slider moves the line between them. */
export function Compare({
  pictures: [before, after],
  onClose,
}: {
  readonly pictures: readonly [Picture, Picture];
  readonly onClose: () => void;
}) {
  const [share, setShare] = useState(50);
  const t = words.value;
  const alt = ({ parameters, seed }: Picture) => t.pictureOf(parameters?.positivePrompt ?? "", seed);
  return (
    <Dialog title={t.compare} onClose={onClose} wide>
      <div class="compare" style={{ "--share": `${share}%`, aspectRatio: `${after.width} / ${after.height}` }}>
        <img src={pathOfImage(after)} alt={alt(after)} />
        <img class="compare-before" src={pathOfImage(before)} alt={alt(before)} />
        <span class="compare-line" aria-hidden="true" />
        <input
          type="range"
          min={0}
          max={100}
          value={share}
          aria-label={t.compareSlider}
          onInput={({ currentTarget }) => setShare(currentTarget.valueAsNumber)}
        />
      </div>
      <p class="soft compare-caption">
        <span>{before.seed === undefined ? "" : `${t.seed} ${before.seed}`}</span>
        <span>{after.seed === undefined ? "" : `${t.seed} ${after.seed}`}</span>
      </p>
    </Dialog>
  );
}
