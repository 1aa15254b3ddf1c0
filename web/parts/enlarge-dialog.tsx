import { useState } from "preact/hooks";
import { ApiError } from "../api/server.ts";
import type { Picture } from "../api/types.ts";
import { derive } from "../state/derive.ts";
import { download, thumbnail } from "../state/pictures.ts";
import { formatBytes } from "../state/preferences.ts";
import { words } from "../text/index.ts";
import { Dialog } from "./dialog.tsx";
import { Segments } from "./segments.tsx";

const FACTORS = [2, 3, 4] as const;
/** Most pixels in the result. */
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

/** How to enlarge: by a factor, with a network that adds detail, or as shapes, sharp at every size. */
type Way = (typeof FACTORS)[number] | "SVG";

const taskOf = (imageUUID: string, way: Way): object =>
  way === "SVG"
    ? { taskType: "vectorize", inputs: { image: imageUUID }, outputFormat: "SVG" }
    : { taskType: "upscale", inputs: { image: imageUUID }, upscaleFactor: way, outputFormat: "PNG" };

/** Enlarges an image: more pixels, or shapes. */
export function EnlargeDialog({ picture, onClose }: EnlargeDialogProps) {
  const [state, setState] = useState<State>({ kind: "open" });
  const t = words.value;
  const { imageUUID, width, height } = picture;
  const fits: readonly Way[] = [...FACTORS.filter((by) => by * by * width * height <= MOST_PIXELS), "SVG"];
  const [way, setWay] = useState<Way>(fits[0]!);
  const enlarge = async () => {
    setState({ kind: "making", percentage: 0 });
    try {
      const made = await derive(taskOf(imageUUID, way), (percentage) => setState({ kind: "making", percentage }));
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
          <div class="row wrap">
            <Segments
              label={t.enlarge}
              options={fits.map((value) => ({ value, text: value === "SVG" ? value : `${value}×` }))}
              chosen={(value) => value === way}
              disabled={state.kind === "making"}
              onChoose={(value) => {
                setWay(value);
                setState({ kind: "open" });
              }}
            />
            <span class="soft numbers">{way === "SVG" ? t.asShapes : `${way * width} × ${way * height}`}</span>
          </div>
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
                disabled={state.kind === "making"}
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
