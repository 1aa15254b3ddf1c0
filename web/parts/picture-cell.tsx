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

/** An image with its latest changes: a cell has the state that its task reported. */
export const asChanged = (picture: Picture): Picture => changedPictures.value.get(picture.imageUUID) ?? picture;

/** One image of a contact sheet, with its star: S on the keyboard. */
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
