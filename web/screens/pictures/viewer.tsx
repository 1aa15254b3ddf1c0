import { ChevronLeft, ChevronRight } from "lucide";
import { useEffect } from "preact/hooks";
import type { Picture } from "../../api/types.ts";
import { onKeys } from "../../keys.ts";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { FittedPicture } from "../../parts/fitted-picture.tsx";
import { PictureActions } from "../../parts/picture-actions.tsx";
import { bin, hasPixels, pathOfImage, star } from "../../state/pictures.ts";
import { go } from "../../state/route.ts";
import { words } from "../../text/index.ts";

interface ViewerProps {
  readonly picture: Picture;
  readonly pictures: readonly Picture[];
  readonly onChange: (imageUUID: string) => void;
  readonly onClose: () => void;
}

/** One image of the gallery, large. Arrow keys show its neighbours. */
export function Viewer({ picture, pictures, onChange, onClose }: ViewerProps) {
  const t = words.value;
  const at = pictures.findIndex(({ imageUUID }) => imageUUID === picture.imageUUID);
  const [previous, next] = [pictures[at - 1], pictures[at + 1]];
  const binIt = () => {
    void bin([picture]);
    const neighbour = next ?? previous;
    if (neighbour === undefined) onClose();
    else onChange(neighbour.imageUUID);
  };
  useEffect(
    () =>
      onKeys(
        {
          ArrowLeft: () => previous && onChange(previous.imageUUID),
          ArrowRight: () => next && onChange(next.imageUUID),
          s: () => void star(picture),
          e: () => hasPixels(picture) && go("edit", picture.imageUUID),
          Delete: binIt,
        },
        { dialogs: 1 },
      ),
    [picture, pictures],
  );
  const { width, height, parameters, seed } = picture;
  const prompt = parameters?.positivePrompt ?? "";
  return (
    <Dialog title={prompt === "" ? t.screens.pictures : prompt} onClose={onClose} wide>
      <div class="viewer">
        <FittedPicture
          key={picture.imageUUID}
          src={pathOfImage(picture)}
          width={width}
          height={height}
          alt={t.pictureOf(prompt, seed)}
        />
        <div class="viewer-turn">
          <Button
            kind="quiet"
            icon={ChevronLeft}
            label={t.previous}
            shortcut="←"
            disabled={previous === undefined}
            onPress={() => onChange(previous!.imageUUID)}
          />
          <Button
            kind="quiet"
            icon={ChevronRight}
            label={t.next}
            shortcut="→"
            disabled={next === undefined}
            onPress={() => onChange(next!.imageUUID)}
          />
        </div>
      </div>
      <PictureActions picture={picture} onBin={binIt} dialogs={1} />
    </Dialog>
  );
}
