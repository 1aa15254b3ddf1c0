import { useState } from "preact/hooks";
import { ApiError } from "../api/server.ts";
import type { Picture } from "../api/types.ts";
import { derive } from "../state/derive.ts";
import { download, thumbnail } from "../state/pictures.ts";
import { formatBytes } from "../state/preferences.ts";
import { words } from "../text/index.ts";
import { Dialog } from "./dialog.tsx";
import { Segments } from "./segments.tsx";

const FACTORS = [2, 3, 4];
/** As many pixels may come out at most. */
const MOST_PIXELS = 50e6;

type State =
  | { readonly kind: "open" }
  | { readonly kind: "making"; readonly percentage: number }
  | { readonly kind: "made"; readonly picture: Picture }
  | { readonly kind: "failed"; readonly message: string };

interface EnlargeDialogProps {
  readonly picture: Picture;
  readonly onClose: () => void;
}

/** The picture larger, with detail that a network draws. */
export function EnlargeDialog({ picture, onClose }: EnlargeDialogProps) {
  const [factor, setFactor] = useState(2);
  const [state, setState] = useState<State>({ kind: "open" });
  const t = words.value;
  const { imageUUID, width, height } = picture;
  const fits = FACTORS.filter((by) => by * by * width * height <= MOST_PIXELS);
  const enlarge = async () => {
    setState({ kind: "making", percentage: 0 });
    const task = {
      ...{ taskType: "upscale", inputs: { image: imageUUID }, upscaleFactor: factor },
      outputFormat: "PNG",
    };
    try {
      const made = await derive(task, (percentage) => setState({ kind: "making", percentage }));
      setState({ kind: "made", picture: made });
    } catch (thrown) {
      const message = thrown instanceof ApiError ? thrown.item.message : t.awayKept;
      setState({ kind: "failed", message });
    }
  };
  return (
    <Dialog title={t.enlarge} onClose={onClose}>
      <div class="details">
        <img
          class="details-picture"
          src={thumbnail(state.kind === "made" ? state.picture : picture, 320)}
          alt={t.pictureOf(picture.parameters?.positivePrompt ?? "", picture.seed)}
        />
        <div>
          {fits.length === 0 && <p class="soft">{t.largeEnough}</p>}
          {fits.length > 0 && (
            <div class="row wrap">
              <Segments
                label={t.enlarge}
                options={fits.map((value) => ({ value, text: `${value}×` }))}
                chosen={(value) => value === factor}
                onChoose={setFactor}
              />
              <span class="soft numbers">{`${factor * width} × ${factor * height}`}</span>
            </div>
          )}
          {state.kind === "failed" && (
            <p class="fault" role="alert">
              {state.message}
            </p>
          )}
          {state.kind === "made" && (
            <p role="status" class="numbers">
              {`${state.picture.width} × ${state.picture.height}, ${formatBytes(state.picture.bytes)}. ${t.isDerived}`}
            </p>
          )}
          <div class="row wrap">
            {state.kind === "made" ? (
              <button type="button" class="button primary" onClick={() => download(state.picture)}>
                {t.download}
              </button>
            ) : (
              <button
                type="button"
                class="button primary"
                disabled={fits.length === 0 || state.kind === "making"}
                onClick={() => void enlarge()}
              >
                {t.enlarge}
              </button>
            )}
            {state.kind === "making" && (
              <span role="status" class="soft numbers">
                {state.percentage > 0 ? `${state.percentage} %` : t.starting}
              </span>
            )}
          </div>
        </div>
      </div>
    </Dialog>
  );
}
