import {
  Code,
  Download,
  ImageUpscale,
  Info,
  Pencil,
  RotateCcw,
  Shuffle,
  SquareSplitHorizontal,
  Star,
  Trash2,
} from "lucide";
import { useEffect, useState } from "preact/hooks";
import type { Picture } from "../api/types.ts";
import { onKeys } from "../keys.ts";
import { useAgain, vary } from "../state/again.ts";
import { compared, download, hasPixels, recent, star } from "../state/pictures.ts";
import { go } from "../state/route.ts";
import { words } from "../text/index.ts";
import { Button } from "./button.tsx";
import { CodeDialog } from "./code-dialog.tsx";
import { EnlargeDialog } from "./enlarge-dialog.tsx";
import { PictureDetails } from "./picture-details.tsx";

interface PictureActionsProps {
  readonly picture: Picture;
  /** Moves the image to the bin. The caller decides what to show then. */
  readonly onBin: () => void;
  /** Number of dialogs around the image, for the keyboard shortcuts. */
  readonly dialogs?: number;
}

/** The actions for the image on screen. */
export function PictureActions({ picture, onBin, dialogs = 0 }: PictureActionsProps) {
  const [open, setOpen] = useState<"code" | "info" | "enlarge">();
  const t = words.value;
  /** True when a task can reproduce it. */
  const isDrawn = picture.kind === "drawn" && picture.parameters !== undefined;
  const isPixels = hasPixels(picture);
  const newest = recent.items.value.find(({ imageUUID }) => imageUUID !== picture.imageUUID);
  useEffect(
    () => onKeys({ i: () => setOpen("info"), v: () => void (isDrawn && vary(picture)) }, { dialogs }),
    [picture.imageUUID, dialogs],
  );
  return (
    <div class="actions" role="toolbar" aria-label={t.actions}>
      {isPixels && (
        <Button kind="quiet" icon={Pencil} label={t.edit} shortcut="E" onPress={() => go("edit", picture.imageUUID)}>
          {t.edit}
        </Button>
      )}
      {isDrawn && (
        <>
          <Button kind="quiet" icon={Shuffle} label={t.varyTip} shortcut="V" onPress={() => void vary(picture)}>
            {t.vary}
          </Button>
          <Button kind="quiet" icon={RotateCcw} label={t.useAgainTip} onPress={() => useAgain(picture)}>
            {t.useAgain}
          </Button>
        </>
      )}
      <span class="gap" />
      <Button
        kind="quiet"
        icon={Star}
        label={picture.starred ? t.unstar : t.star}
        shortcut="S"
        pressed={picture.starred}
        onPress={() => void star(picture)}
      />
      {newest && (
        <Button
          kind="quiet"
          icon={SquareSplitHorizontal}
          label={t.compare}
          onPress={() => (compared.value = [newest, picture])}
        />
      )}
      {isPixels && <Button kind="quiet" icon={ImageUpscale} label={t.enlarge} onPress={() => setOpen("enlarge")} />}
      <Button kind="quiet" icon={Download} label={t.download} onPress={() => download(picture)} />
      {isDrawn && <Button kind="quiet" icon={Code} label={t.code} onPress={() => setOpen("code")} />}
      <Button kind="quiet" icon={Info} label={t.info} shortcut="I" onPress={() => setOpen("info")} />
      <Button kind="quiet" icon={Trash2} label={t.bin} shortcut="Del" onPress={onBin} />
      {open === "code" && <CodeDialog parameters={picture.parameters ?? {}} onClose={() => setOpen(undefined)} />}
      {open === "enlarge" && <EnlargeDialog picture={picture} onClose={() => setOpen(undefined)} />}
      {open === "info" && <PictureDetails picture={picture} onClose={() => setOpen(undefined)} />}
    </div>
  );
}
