import { Star } from "lucide";
import type { Picture } from "../api/types.ts";
import { changedPictures } from "../state/picture-list.ts";
import { star } from "../state/pictures.ts";
import { words } from "../text/index.ts";
import { Button } from "./button.tsx";

interface PictureCellProps {
  readonly picture: Picture;
  readonly src: string;
  readonly onOpen: () => void;
  readonly style?: Readonly<Record<string, string>>;
}

/** A picture as it was changed last: cells hold what their task has told. */
export const asChanged = (picture: Picture): Picture => changedPictures.value.get(picture.imageUUID) ?? picture;

/** One picture of a contact sheet, with its star: S on the keyboard. */
export function PictureCell({ picture: given, src, onOpen, style }: PictureCellProps) {
  const t = words.value;
  const picture = asChanged(given);
  const { parameters, seed, starred } = picture;
  return (
    <div class={`sheet-picture${starred ? " starred" : ""}`}>
      <button
        type="button"
        class="sheet-cell"
        style={style}
        onClick={onOpen}
        onKeyDown={(event) => {
          if (event.key !== "s" || event.ctrlKey || event.metaKey) return;
          event.preventDefault();
          void star(picture);
        }}
      >
        <img src={src} alt={t.pictureOf(parameters?.positivePrompt ?? "", seed)} />
      </button>
      <Button
        kind="quiet"
        icon={Star}
        label={starred ? t.unstar : t.star}
        shortcut="S"
        pressed={starred}
        onPress={() => void star(picture)}
      />
    </div>
  );
}
