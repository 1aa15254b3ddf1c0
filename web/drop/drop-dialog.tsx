import { useEffect, useState } from "preact/hooks";
import type { Parameters } from "../api/types.ts";
import { Dialog } from "../parts/dialog.tsx";
import { startFrom, useAgain, useSome } from "../state/again.ts";
import { canEdit } from "../state/models.ts";
import { tell } from "../state/notices.ts";
import { upload } from "../state/pictures.ts";
import { go } from "../state/route.ts";
import { words } from "../text/index.ts";

/** Offers the uses of a dropped image: take its settings, edit it, start from it. */
export function DropDialog({ file, onClose }: { readonly file: File; readonly onClose: () => void }) {
  const [parameters, setParameters] = useState<Parameters>();
  const [address] = useState(() => URL.createObjectURL(file));
  const t = words.value;
  useEffect(() => {
    void import("../metadata/index.ts").then(async ({ readParameters }) => setParameters(await readParameters(file)));
    return () => URL.revokeObjectURL(address);
  }, []);
  const uploaded = (then: (imageUUID: string) => void) => async () => {
    onClose();
    try {
      then((await upload(file)).imageUUID);
    } catch (thrown) {
      tell({ text: (thrown as Error).message, tone: "problem" });
    }
  };
  const done = (act: () => void) => () => {
    onClose();
    act();
  };
  return (
    <Dialog title={t.dropTitle} onClose={onClose}>
      <div class="details">
        <img class="details-picture" src={address} alt={file.name} />
        <div class="column">
          {parameters !== undefined && (
            <>
              <p class="prompt-text">{parameters.positivePrompt}</p>
              <button type="button" class="button primary" onClick={done(() => useAgain({ parameters }))}>
                {t.useAll}
              </button>
              <button
                type="button"
                class="button"
                onClick={done(() => useSome(parameters, ["positivePrompt", "negativePrompt"]))}
              >
                {t.usePrompt}
              </button>
            </>
          )}
          <button type="button" class="button" onClick={uploaded((image) => go("edit", image))}>
            {t.editThis}
          </button>
          <button
            type="button"
            class="button"
            onClick={uploaded((image) => {
              startFrom(image);
              go("draw");
            })}
          >
            {canEdit.value ? t.referTo : t.startFromThis}
          </button>
        </div>
      </div>
    </Dialog>
  );
}
