import { useEffect } from "preact/hooks";
import { onKeys } from "../../keys.ts";
import { bin, recent, star, thumbnail } from "../../state/pictures.ts";
import { go } from "../../state/route.ts";
import { look, lookedPicture, unseen } from "../../state/stage.ts";
import { unfinished } from "../../state/work.ts";
import { words } from "../../text/index.ts";

const SHOWN = 60;

/** Running tasks, then the newest images. */
export function FilmStrip() {
  const t = words.value;
  const pictures = recent.items.value.slice(0, SHOWN);
  const current = lookedPicture.value;
  useEffect(
    () =>
      onKeys({
        ArrowRight: () => step(1),
        ArrowLeft: () => step(-1),
        s: () => lookedPicture.value && void star(lookedPicture.value),
        Delete: binLooked,
        e: () => lookedPicture.value && go("edit", lookedPicture.value.imageUUID),
      }),
    [],
  );
  if (pictures.length === 0 && unfinished.value.length === 0) return null;
  return (
    <div class="strip">
      <ul>
        {unfinished.value.map(({ taskUUID, group, preview, state, parameters }) => (
          <li key={taskUUID}>
            <button
              type="button"
              class={`strip-cell ${state}`}
              aria-label={t.formingOf(parameters.positivePrompt ?? "")}
              onClick={() => look({ kind: "group", group })}
            >
              {preview && <img src={preview.uri} alt="" />}
            </button>
          </li>
        ))}
        {pictures.map((picture) => {
          const { imageUUID, parameters, seed, starred } = picture;
          return (
            <li key={imageUUID}>
              <button
                type="button"
                class={`strip-cell${starred ? " starred" : ""}`}
                aria-current={current?.imageUUID === imageUUID}
                onClick={() => look({ kind: "picture", imageUUID })}
              >
                <img
                  src={thumbnail(picture, 160)}
                  alt={t.pictureOf(parameters?.positivePrompt ?? "", seed)}
                  loading="lazy"
                />
              </button>
            </li>
          );
        })}
      </ul>
      {unseen.value > 0 && (
        <button type="button" class="chip" onClick={() => look({ kind: "picture", imageUUID: pictures[0]!.imageUUID })}>
          {t.newPictures(unseen.value)}
        </button>
      )}
    </div>
  );
}

function step(by: number): void {
  const sheet = document.querySelector<HTMLElement>(".contact-sheet button.sheet-cell");
  if (sheet !== null) {
    sheet.focus();
    return;
  }
  const all = recent.items.value;
  const at = all.findIndex(({ imageUUID }) => imageUUID === lookedPicture.value?.imageUUID);
  const next = all[Math.max(0, at + by)];
  if (next !== undefined) look({ kind: "picture", imageUUID: next.imageUUID });
}

/** Moves the shown image to the bin. Its neighbour replaces it. */
export function binLooked(): void {
  const picture = lookedPicture.value;
  if (picture === undefined) return;
  const all = recent.items.value;
  const at = all.findIndex(({ imageUUID }) => imageUUID === picture.imageUUID);
  const neighbour = all[at + 1] ?? all[at - 1];
  void bin([picture]);
  look(neighbour && { kind: "picture", imageUUID: neighbour.imageUUID });
}
