import { ChevronLeft, ChevronRight } from "lucide";
import { useEffect } from "preact/hooks";
import type { Picture } from "../../api/types.ts";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { FittedPicture } from "../../parts/fitted-picture.tsx";
import { PictureActions } from "../../parts/picture-actions.tsx";
import { pathOfImage, star } from "../../state/pictures.ts";
import { words } from "../../text/index.ts";

interface ViewerProps {
  readonly picture: Picture;
  readonly pictures: readonly Picture[];
  readonly onChange: (imageUUID: string) => void;
  readonly onClose: () => void;
}

/** One picture of the gallery, large; arrows go to its neighbours. */
export function Viewer({ picture, pictures, onChange, onClose }: ViewerProps) {
  const t = words.value;
  const at = pictures.findIndex(({ imageUUID }) => imageUUID === picture.imageUUID);
  const [previous, next] = [pictures[at - 1], pictures[at + 1]];
  useEffect(() => {
    const keys = ({ key }: KeyboardEvent) => {
      if (key === "ArrowLeft" && previous) onChange(previous.imageUUID);
      if (key === "ArrowRight" && next) onChange(next.imageUUID);
      if (key === "s") void star(picture);
    };
    document.addEventListener("keydown", keys);
    return () => document.removeEventListener("keydown", keys);
  }, [picture]);
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
      </div>
      <div class="viewer-foot">
        <Button
          kind="quiet"
          icon={ChevronLeft}
          label={t.previous}
          disabled={previous === undefined}
          onPress={() => onChange(previous!.imageUUID)}
        />
        <PictureActions picture={picture} />
        <Button
          kind="quiet"
          icon={ChevronRight}
          label={t.next}
          disabled={next === undefined}
          onPress={() => onChange(next!.imageUUID)}
        />
      </div>
    </Dialog>
  );
}
