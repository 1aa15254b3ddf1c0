import { Camera, FolderOpen } from "lucide";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Picture } from "../api/types.ts";
import { checkPictureFile } from "../picture-file.ts";
import { recent, thumbnail, upload } from "../state/pictures.ts";
import { words } from "../text/index.ts";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";

interface PictureInputProps {
  readonly onPicture: (picture: Picture) => void;
  readonly onClose: () => void;
}

/** Chooses an image: a file, the camera of a phone, the clipboard, or an earlier result. */
export function PictureInput({ onPicture, onClose }: PictureInputProps) {
  const file = useRef<HTMLInputElement>(null);
  const camera = useRef<HTMLInputElement>(null);
  const [fault, setFault] = useState<string>();
  const t = words.value;
  const take = async (chosen: Blob | null | undefined) => {
    if (!chosen) return;
    try {
      await checkPictureFile(chosen);
      onPicture(await upload(chosen));
    } catch (thrown) {
      setFault((thrown as Error).message);
    }
  };
  useEffect(() => {
    const paste = ({ clipboardData }: ClipboardEvent) => void take(clipboardData?.files[0]);
    document.addEventListener("paste", paste);
    return () => document.removeEventListener("paste", paste);
  }, []);
  const types = "image/png,image/jpeg,image/webp";
  const changed = ({ currentTarget }: { currentTarget: HTMLInputElement }) => void take(currentTarget.files?.[0]);
  return (
    <Dialog title={t.choosePicture} onClose={onClose}>
      <section
        class="drop-field"
        aria-label={t.dropOrPaste}
        onDragOver={(event) => event.preventDefault()}
        onDrop={(event) => {
          event.preventDefault();
          event.stopPropagation();
          void take(event.dataTransfer?.files[0]);
        }}
      >
        <p>{t.dropOrPaste}</p>
        <div class="row wrap centred">
          <Button icon={FolderOpen} onPress={() => file.current?.click()}>
            {t.fromFile}
          </Button>
          <Button icon={Camera} onPress={() => camera.current?.click()}>
            {t.fromCamera}
          </Button>
        </div>
        <input
          ref={file}
          class="hidden"
          type="file"
          accept={types}
          tabIndex={-1}
          aria-label={t.fromFile}
          onChange={changed}
        />
        <input
          ref={camera}
          class="hidden"
          type="file"
          accept={types}
          capture="environment"
          tabIndex={-1}
          aria-label={t.fromCamera}
          onChange={changed}
        />
      </section>
      {fault !== undefined && (
        <p class="fault" role="alert">
          {fault}
        </p>
      )}
      <ul class="picture-choice">
        {recent.items.value.slice(0, 24).map((picture) => (
          <li key={picture.imageUUID}>
            <button type="button" onClick={() => onPicture(picture)}>
              <img
                src={thumbnail(picture, 160)}
                alt={t.pictureOf(picture.parameters?.positivePrompt ?? "", picture.seed)}
                loading="lazy"
              />
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
