import { useEffect, useState } from "preact/hooks";
import "./edit.css";
import type { Picture } from "../../api/types.ts";
import { PictureInput } from "../../parts/picture-input.tsx";
import { findPicture } from "../../state/pictures.ts";
import { go, route } from "../../state/route.ts";
import { words } from "../../text/index.ts";
import { EditDesk } from "./edit-desk.tsx";

/** One image to paint over, extend, or change as a whole. */
export function EditScreen() {
  const { image } = route.value;
  const [picture, setPicture] = useState<Picture>();
  const [missing, setMissing] = useState(false);
  const [choosing, setChoosing] = useState(false);
  const t = words.value;
  useEffect(() => {
    setPicture(undefined);
    setMissing(false);
    if (image !== undefined) findPicture(image).then(setPicture, () => setMissing(true));
  }, [image]);
  if (picture !== undefined && picture.imageUUID === image) return <EditDesk key={image} picture={picture} />;
  if (image !== undefined && !missing) return <main class="edit-screen" aria-busy="true" />;
  return (
    <main class="edit-screen">
      <div class="empty">
        <h1 class="display">{missing ? t.pictureGone : t.chooseToEdit}</h1>
        <button type="button" class="button primary" onClick={() => setChoosing(true)}>
          {t.choosePicture}
        </button>
      </div>
      {choosing && (
        <PictureInput
          onPicture={({ imageUUID }) => {
            setChoosing(false);
            go("edit", imageUUID);
          }}
          onClose={() => setChoosing(false)}
        />
      )}
    </main>
  );
}
