import { useEffect, useMemo } from "preact/hooks";
import type { Picture } from "../../api/types.ts";
import { PictureActions } from "../../parts/picture-actions.tsx";
import { WorkLine } from "../../parts/work-line.tsx";
import { createPictureList } from "../../state/picture-list.ts";
import { bin, thumbnail } from "../../state/pictures.ts";
import type { Work } from "../../state/work.ts";
import { words } from "../../text/index.ts";

interface EditResultsProps {
  readonly picture: Picture;
  /** Unfinished tasks. */
  readonly open: readonly Work[];
  /** The last failed task. */
  readonly ended: Work | undefined;
  readonly shown: Picture | undefined;
  readonly onShow: (picture: Picture | undefined) => void;
}

/** The results for the image so far; the image itself comes first. */
export function EditResults({ picture, open, ended, shown, onShow }: EditResultsProps) {
  const t = words.value;
  const results = useMemo(() => createPictureList({ parent: picture.imageUUID, kind: "drawn" }), [picture.imageUUID]);
  useEffect(() => {
    void results.more();
    return results.end;
  }, [results]);
  const cell = (one: Picture, chosen: boolean, onPress: () => void, alt: string) => (
    <li key={one.imageUUID}>
      <button type="button" class="strip-cell" aria-current={chosen} onClick={onPress}>
        <img src={thumbnail(one, 160)} alt={alt} />
      </button>
    </li>
  );
  return (
    <div class="edit-results">
      {open.length > 0 && <WorkLine works={open} />}
      {ended?.error !== undefined && open.length === 0 && <p class="fault">{ended.error.message}</p>}
      {shown !== undefined && (
        <PictureActions
          picture={shown}
          onBin={() => {
            void bin([shown]);
            onShow(undefined);
          }}
        />
      )}
      {results.items.value.length > 0 && (
        <div class="strip">
          <ul>
            {cell(picture, shown === undefined, () => onShow(undefined), t.before)}
            {results.items.value.map((one) =>
              cell(
                one,
                shown?.imageUUID === one.imageUUID,
                () => onShow(one),
                t.pictureOf(one.parameters?.positivePrompt ?? "", one.seed),
              ),
            )}
          </ul>
        </div>
      )}
    </div>
  );
}
